#!/bin/sh
# the server is killed while sales arrive and the ERP misbehaves: nothing is lost or doubled
. "$(dirname "$0")/stage.sh"

rm -rf "$TEST_DIR/faults"
only $PYTHON tests/system/crash_test.py --tillbridge "$TILLBRIDGE" --data "$TEST_DIR/faults" \
	--seed "${TEST_SEED:-1}"
