#!/bin/sh
# power cuts on loop-mounted ext4 and xfs, with a control that must lose
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang || give_up "nothing to cut off"
say "$PASSED passed, $FAILED failed"
only $PYTHON tests/system/power_test.py --program build/clang/tillbridge \
	--library build/clang/tests/system/inject.so --work "$TEST_DIR/power" \
	--rounds "$(full_or 200 15)" --seed "${TEST_SEED:-1}"
