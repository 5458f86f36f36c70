#!/bin/sh
# the program and its tests with gcc, AddressSanitizer and UBSan; warnings are errors
. "$(dirname "$0")/stage.sh"

claim "gcc builds everything without a warning" make debug
close_stage
