#!/bin/sh
# the server killed at random, and at calls that change a file, which also fail: the auditor looks on
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang || give_up "nothing to kill"
say "$PASSED passed, $FAILED failed"
ends=0
$PYTHON tests/system/kill_test.py --program build/clang/tillbridge --work "$TEST_DIR/kills" \
	--rounds "$(full_or 1000 50)" --seed "${TEST_SEED:-1}" || ends=1
$PYTHON tests/system/call_test.py --program build/clang/tillbridge \
	--library build/clang/tests/system/inject.so --work "$TEST_DIR/calls" \
	--every "$(full_or 1 8)" --seed "${TEST_SEED:-1}" || ends=1
[ $ends = 0 ]
