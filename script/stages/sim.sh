#!/bin/sh
# whole parts on disks and clocks that lie, in thousands of seeded runs
. "$(dirname "$0")/stage.sh"

if [ "${TORTURE:-}" = full ]; then
	export TEST_ROUNDS=10000 TEST_SECONDS=36000
fi
run_suite sim
