#!/bin/sh
# static analysis: gcc -fanalyzer and clang-tidy
. "$(dirname "$0")/stage.sh"

# Leaks are LeakSanitizer's job: the analyzer cannot follow memory into a field that an option row
# names by its offset. At -O1 the compiler joins `a == NULL || b == NULL` before it is analysed.
git ls-files 'src/*.c' ':!src/base/error.c' | xargs -P 2 -I {} sh -c '
	if found=$(gcc -std=gnu17 -D_GNU_SOURCE -O0 -fanalyzer -Werror -Wno-analyzer-malloc-leak \
		-Wno-analyzer-too-complex -Isrc -I. -include src/base/banned.h -include tests/analysis.h \
		-DTILLBRIDGE_VERSION="\"analyzed\"" -I build/debug -I build/debug/src \
		$(pkg-config --cflags libxml-2.0) \
		-c "$1" -o /dev/null 2>&1); then
		echo "ok     gcc -fanalyzer $1"
	else
		printf "%s\nFAILED gcc -fanalyzer %s\n" "$found" "$1"
	fi' analyze {} | awk '
	/^ok / { passed++; next }
	/^FAILED / { failed++ }
	{ print }
	END { printf "%d passed, %d failed\n", passed, failed }'
sh script/stages/tidy.sh
