#!/bin/sh
# a real Tryton server: the connector's contract, then a slice of sales, audited in its database
. "$(dirname "$0")/stage.sh"

TRYTON_DIR=$TEST_DIR/tryton
SLICE=${TRYTON_SLICE:-12}

tryton_server()
{
	$PYTHON tests/tryton/tryton_server.py --dir "$TRYTON_DIR/server" "$@"
}

write_slice()
{
	if [ -f "$SALES" ]; then
		"$TILLBRIDGE" import uci "$SALES" --days 1 --output "$TRYTON_DIR/day.ndjson"
	else
		"$TILLBRIDGE" simulate --seed 5 --stores 2 --days 1 --output "$TRYTON_DIR/day.ndjson"
	fi && head -n "$SLICE" "$TRYTON_DIR/day.ndjson" >"$TRYTON_DIR/slice.ndjson" &&
		[ -s "$TRYTON_DIR/slice.ndjson" ]
}

stop_all()
{
	stop_servers
	tryton_server down
}

[ ! -d "$TRYTON_DIR/server" ] || tryton_server down
rm -rf "$TRYTON_DIR"
mkdir -p "$TRYTON_DIR"
trap stop_all EXIT
claim "the first sales of the source become a file" write_slice || give_up "there is nothing to send"
claim "Tryton starts with the stores and items of the slice" \
	tryton_server --transactions "$TRYTON_DIR/slice.ndjson" up || give_up "Tryton starts"

port=$(free_port)
URL=http://127.0.0.1:$port
$PYTHON script/tryton_config.py "$TRYTON_DIR/server/ids.json" "$TRYTON_DIR/tillbridge.yaml" \
	--listen "127.0.0.1:$port" --data "$TRYTON_DIR/data"
claim "the configuration is right" "$TILLBRIDGE" config check "$TRYTON_DIR/tillbridge.yaml"
start_server serve "$TILLBRIDGE" serve --config "$TRYTON_DIR/tillbridge.yaml"
PID=$SERVER_PID
wait_ready "$URL/readyz" "$PID" 60 || give_up "the server starts"
claim "every transaction is accepted" "$TILLBRIDGE" send --to "$URL" "$TRYTON_DIR/slice.ndjson"
claim "every posting is read back from Tryton and agrees" \
	$PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 400
claim "Tryton has each sale once, with its moves, invoice and payments" \
	$PYTHON tests/tryton/audit.py --dir "$TRYTON_DIR/server" \
	--transactions "$TRYTON_DIR/slice.ndjson"
claim "the server stops by itself when it is asked to" stop_server "$PID"
tryton_server down
say "$PASSED passed, $FAILED failed"
ends=$FAILED
sh tests/tryton/run.sh || ends=1
[ "$ends" = 0 ]
