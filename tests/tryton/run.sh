#!/bin/sh
# Starts a Tryton of its own, runs the connector's own tests and the contract of every connector
# against it, audits what it then holds, and stops it. usage: run.sh [TEST-PROGRAM CONTRACT-PROGRAM
# [names of tests]]. Without programs they are those of the build folder BUILD (build/debug). Ends
# with "N passed, N failed".
set -u

here=$(cd "$(dirname "$0")" && pwd)
documents=$here/../connectors/documents.ndjson
build=${BUILD:-$here/../../build/debug}
program=${1:-$build/tests/tryton/test-tryton}
contract=${2:-$build/tests/connectors/test-contract}
[ $# -lt 2 ] || shift 2
for file in "$program" "$contract"; do
	if [ ! -x "$file" ]; then
		echo "$file is not there: build it first (ninja -C build/debug)"
		echo "0 passed, 1 failed"
		exit 1
	fi
done
work=$(mktemp -d "${TMPDIR:-/tmp}/tillbridge-tryton-XXXXXX")
passed=0
failed=0

finish() {
	/usr/bin/python3 "$here/tryton_server.py" --dir "$work" down
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Runs a test program and adds up what its last line says.
run() {
	"$@" >"$work/tests.out" 2>"$work/tests.err"
	sed '$d' "$work/tests.out"
	ran=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$work/tests.out")
	broke=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$work/tests.out")
	[ "${broke:-1}" = 0 ] || tail -n 40 "$work/tests.err"
	passed=$((passed + ${ran:-0}))
	failed=$((failed + ${broke:-1}))
}

/usr/bin/python3 "$here/tryton_server.py" --dir "$work" --transactions "$documents" up || exit 1

TRYTON_DIR=$work TRYTON_FILE=$documents
# Some of the tests make hundreds of calls, each of which takes a real server a while.
TEST_SECONDS=${TEST_SECONDS:-900}
export TRYTON_DIR TRYTON_FILE TEST_SECONDS
run "$program" "$@"

/usr/bin/python3 -c 'import json, sys
ids = json.load(open(sys.argv[1]))
for name in "url", "database", "user", "password_file", "party", "rounding_product":
    print(f"{name}: {ids[name]}")' "$work/ids.json" >"$work/options"
CONTRACT_CONNECTOR=tryton CONTRACT_OPTIONS=$work/options CONTRACT_DOCUMENTS=$documents
CONTRACT_REFUSAL=NO-SUCH-ITEM CONTRACT_WRONG='user: nobody'
export CONTRACT_CONNECTOR CONTRACT_OPTIONS CONTRACT_DOCUMENTS CONTRACT_REFUSAL CONTRACT_WRONG
run "$contract" "$@"

# The documents of single tests have references of their own; what the first test has posted is
# the whole file.
if [ $# -eq 0 ]; then
	if /usr/bin/python3 "$here/audit.py" --dir "$work" --ignore test- \
		--transactions "$documents"; then
		echo "ok     the_audit_finds_every_document_once_and_nothing_else"
		passed=$((passed + 1))
	else
		echo "FAILED the_audit_finds_every_document_once_and_nothing_else"
		failed=$((failed + 1))
	fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
