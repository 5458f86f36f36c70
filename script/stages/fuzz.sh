#!/bin/sh
# the corpora of the parsers, replayed under the sanitizers
. "$(dirname "$0")/stage.sh"

run_suite fuzz
