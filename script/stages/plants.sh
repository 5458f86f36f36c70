#!/bin/sh
# bugs planted on purpose, one at a time: the auditor has to catch each
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang || give_up "nothing to plant in"
say "$PASSED passed, $FAILED failed"
only $PYTHON tests/system/plant_test.py --build build/clang --work "$TEST_DIR/plants" \
	--seed "${TEST_SEED:-1}"
