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

# Odoo cannot be installed from the registries that a build reaches, so what stands here is a double
# that was written from its sources; every 7th call that writes meets another writer.
say key-of-the-double >"$WORK/odoo.key"
say another-key >"$WORK/odoo.wrong"
for version in 17 18 19; do
	port=$(free_port)
	start_server "odoo-$version" $PYTHON tests/odoo/odoo_double.py --version "$version" --port "$port" \
		--documents "$CONTRACT_DOCUMENTS" --conflicts 7
	wait_ready "http://127.0.0.1:$port/double/summary" "$SERVER_PID" 30 ||
		give_up "the double of Odoo $version starts"
	cat >"$CONTRACT_OPTIONS" <<-END
		url: http://127.0.0.1:$port
		database: shop
		version: $version
		secret_file: $WORK/odoo.key
	END
	CONTRACT_CONNECTOR=odoo CONTRACT_REFUSAL=NO-SUCH-ITEM CONTRACT_WRONG="secret_file: $WORK/odoo.wrong" \
		contract "odoo $version"
	claim "Odoo $version has no order twice, none half done, and was busy at times" \
		$PYTHON tests/odoo/check_summary.py "http://127.0.0.1:$port/double/summary"
	kill "$SERVER_PID" && wait "$SERVER_PID"
done
stop_servers
say "$PASSED passed, $FAILED failed"
[ "$ends" = 0 ] && [ "$FAILED" = 0 ]
