#!/bin/sh
# the state is dropped, rebuilt from the journal, and equal byte for byte
. "$(dirname "$0")/stage.sh"

need_sales
data=$SALES_DIR/data
claim "the state is what the journal says" "$TILLBRIDGE" verify --data "$data"
claim "the state is rebuilt from the journal" "$TILLBRIDGE" rebuild --data "$data"
claim "the rebuilt state is equal" "$TILLBRIDGE" verify --data "$data"
start_sandbox "$SALES_DIR/erp"
start_tillbridge "$data"
claim "a server on the rebuilt state has nothing left to post" \
	$PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 120
claim "and agrees with the source to the last digit" check_sales
claim "the server stops by itself when it is asked to" stop_server "$PID"
claim "so does the sandbox ERP, which rebuilt its own state" stop_server "$ERP_PID"
close_stage
