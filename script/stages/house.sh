#!/bin/sh
# layers only look down, files and functions have a size, every C file is formatted
. "$(dirname "$0")/stage.sh"

$PYTHON tests/check_layers.py || FAILED=1
$PYTHON tests/check_style.py || FAILED=1
FAILED=0 # both have printed their own closing lines
for file in $(git ls-files '*.c' '*.h'); do
	if clang-format-14 --dry-run -Werror "$file" 2>/dev/null; then
		PASSED=$((PASSED + 1))
	else
		say "FAILED $file is not formatted: make format"
		FAILED=$((FAILED + 1))
	fi
done
close_stage
