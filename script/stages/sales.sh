#!/bin/sh
# days of real sales (without ../shared: simulated ones) through server and ERP, and the checkers
. "$(dirname "$0")/stage.sh"

make_sales()
{
	if [ -f "$SALES" ]; then
		"$TILLBRIDGE" import uci "$SALES" --days "$SALES_DAYS" \
			--output "$SALES_DIR/sales.ndjson"
	else
		"$TILLBRIDGE" simulate --seed 7 --stores 4 --days 2 \
			--output "$SALES_DIR/sales.ndjson"
	fi
}

rm -rf "$SALES_DIR"
mkdir -p "$SALES_DIR"
start_sandbox "$SALES_DIR/erp"
start_tillbridge "$SALES_DIR/data"
claim "the source becomes a file of transactions" make_sales ||
	give_up "there is nothing to send"
claim "every transaction is accepted" "$TILLBRIDGE" send --to "$URL" "$SALES_DIR/sales.ndjson"
claim "every posting is read back and agrees" \
	$PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 600
claim "API and ERP agree with the source to the last digit" check_sales
claim "sending everything again is answered with the same receipts" \
	"$TILLBRIDGE" send --to "$URL" "$SALES_DIR/sales.ndjson"
claim "nothing is posted twice" \
	$PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 600
claim "and all of it still agrees with the source" check_sales
claim "the server stops by itself when it is asked to" stop_server "$PID"
claim "so does the sandbox ERP" stop_server "$ERP_PID"
touch "$SALES_DIR/complete"
close_stage
