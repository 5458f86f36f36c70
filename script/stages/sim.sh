#!/bin/sh
# whole parts on disks and clocks that lie, in thousands of seeded runs
. "$(dirname "$0")/stage.sh"

run_suite sim
