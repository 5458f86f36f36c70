#!/bin/sh
# unit tests, under the sanitizers
. "$(dirname "$0")/stage.sh"

run_suite unit
