#!/bin/sh
# thousands of clients that are slow, silent or gone: the good ones notice nothing
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang || give_up "nothing to connect to"
say "$PASSED passed, $FAILED failed"
only $PYTHON tests/system/slow_test.py --program build/clang/tillbridge --work "$TEST_DIR/slow" \
	--rounds "$(full_or 100 10)" --seed "${TEST_SEED:-1}"
