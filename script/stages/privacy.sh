#!/bin/sh
# who bought is in no byte of the data folder, and who is forgotten stays so, whatever is restored
. "$(dirname "$0")/stage.sh"

only $PYTHON tests/system/privacy_test.py --program "$TILLBRIDGE" --work "$TEST_DIR/privacy" \
	--seed "${TEST_SEED:-1}" --customers "$(full_or 50 5)"
