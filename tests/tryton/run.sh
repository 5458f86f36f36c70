#!/bin/sh
# Starts a Tryton of its own, runs the connector's tests against it, audits what it then holds, and
# stops it. usage: run.sh [TEST-PROGRAM [names of tests]]. Without a program it is the one of the
# build folder BUILD (build/debug). Ends with "N passed, N failed".
set -u

here=$(cd "$(dirname "$0")" && pwd)
program=${1:-${BUILD:-$here/../../build/debug}/tests/tryton/test-tryton}
[ $# -eq 0 ] || shift
if [ ! -x "$program" ]; then
	echo "$program is not there: build it first (ninja -C build/debug)"
	echo "0 passed, 1 failed"
	exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/tillbridge-tryton-XXXXXX")

finish() {
	/usr/bin/python3 "$here/tryton_server.py" --dir "$work" down
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

/usr/bin/python3 "$here/tryton_server.py" --dir "$work" \
	--transactions "$here/contract.ndjson" up || exit 1

TRYTON_DIR=$work TRYTON_FILE=$here/contract.ndjson "$program" "$@" >"$work/tests.out"
sed '$d' "$work/tests.out"
passed=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$work/tests.out")
failed=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$work/tests.out")
passed=${passed:-0}
failed=${failed:-1}

# The documents of single tests have references of their own; what the first test has posted is
# the whole file.
if [ $# -eq 0 ]; then
	if /usr/bin/python3 "$here/audit.py" --dir "$work" --ignore test- \
		--transactions "$here/contract.ndjson"; then
		echo "ok     the_audit_finds_every_document_once_and_nothing_else"
		passed=$((passed + 1))
	else
		echo "FAILED the_audit_finds_every_document_once_and_nothing_else"
		failed=$((failed + 1))
	fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
