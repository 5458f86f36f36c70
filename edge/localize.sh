#!/bin/sh
# A static library whose only visible names are till_*: the names inside it must not meet those of
# the program that embeds it.
# usage: localize.sh LD OBJCOPY AR INPUT.a OUTPUT.a
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -r -o "$folder/till.o" --whole-archive "$4"
"$2" --localize-hidden "$folder/till.o"
rm -f "$5"
"$3" rcsD "$5" "$folder/till.o"
