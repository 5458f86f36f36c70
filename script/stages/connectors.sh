#!/bin/sh
# the contract of a connector, for every connector whose server starts in a moment
. "$(dirname "$0")/stage.sh"

WORK=$TEST_DIR/connectors
export CONTRACT_DOCUMENTS=$ROOT/tests/connectors/documents.ndjson
export CONTRACT_OPTIONS=$WORK/options

# contract NAME: the tests of one connector, against the server that CONTRACT_OPTIONS names.
contract()
{
	say "-- $1"
	"$BUILD/tests/connectors/test-contract" >"$WORK/tests.out" 2>"$WORK/tests.err" || ends=1
	cat "$WORK/tests.out"
	[ -s "$WORK/tests.out" ] || { say "0 passed, 1 failed" && ends=1; }
	grep -q ', 0 failed$' "$WORK/tests.out" || tail -n 40 "$WORK/tests.err"
}

rm -rf "$WORK"
mkdir -p "$WORK"
ends=0

port=$(free_port)
start_server sandbox "$TILLBRIDGE" sandbox-erp --listen "127.0.0.1:$port" --data "$WORK/sandbox"
wait_ready "http://127.0.0.1:$port/api/summary" "$SERVER_PID" 30 || give_up "the sandbox ERP starts"
say "url: http://127.0.0.1:$port" >"$CONTRACT_OPTIONS"
CONTRACT_CONNECTOR=sandbox CONTRACT_REFUSAL='add up' CONTRACT_WRONG="url: http://127.0.0.1:$port/elsewhere" \
	contract sandbox
stop_server "$SERVER_PID" || ends=1
stop_servers
[ "$ends" = 0 ]
