#!/bin/sh
# the same with clang; warnings are errors
. "$(dirname "$0")/stage.sh"

claim "clang builds everything without a warning" make clang
close_stage
