#!/bin/sh
# memory stays where it is over a long run, and a killed server acknowledges again within 2 s
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang || give_up "nothing to run"
claim "a killed server with many sales behind it acknowledges again within 2 s" \
	$PYTHON bench/recovery.py --program build/clang/tillbridge \
	--events "$(full_or 1000000 100000)"
say "$PASSED passed, $FAILED failed"
ends=$FAILED
$PYTHON tests/system/memory_test.py --program build/clang/tillbridge --work "$TEST_DIR/memory" \
	--sales "$(full_or 10000000 200000)" || ends=1
rm -rf "$TEST_DIR/memory"
[ "$ends" = 0 ]
