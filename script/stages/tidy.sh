#!/bin/sh
# clang-tidy over src/
. "$(dirname "$0")/stage.sh"

[ -f build/clang/compile_commands.json ] || make build/clang/build.ninja || exit 3

# One run a file, two at a time; a file passes when nothing of .clang-tidy's list is found.
git ls-files 'src/*.c' | xargs -P 2 -I {} sh -c '
	if found=$(clang-tidy-14 -p build/clang --quiet "$1" 2>/dev/null); then
		echo "ok     clang-tidy $1"
	else
		printf "%s\nFAILED clang-tidy %s\n" "$found" "$1"
	fi' tidy {} | awk '
	/^ok / { passed++; next }
	/^FAILED / { failed++ }
	{ print }
	END {
		printf "%d passed, %d failed\n", passed, failed
		exit failed > 0 || passed == 0
	}'
