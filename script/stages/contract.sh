#!/bin/sh
# api/openapi.yaml is linted, and compared both ways with a running server
. "$(dirname "$0")/stage.sh"

need_npm "$ROOT/tests/api" || give_up "npm installs what tests/api/package.json names"
claim "api/openapi.yaml is a well-formed OpenAPI document" npm --prefix tests/api run --silent lint

data=$TEST_DIR/contract
rm -rf "$data"
mkdir -p "$data"
start_sandbox "$data/erp"
SECRET=whsec_$(head -c 24 /dev/urandom | base64)
(umask 077 && echo "$SECRET" >"$data/secret")
start_configured "$data/data" <<END
doors: { contract: { door: standard, secret_file: $data/secret } }
END
claim "a simulated day becomes a file" "$TILLBRIDGE" simulate --seed 11 --stores 2 --days 1 \
	--output "$data/sales.ndjson"
head -n 300 "$data/sales.ndjson" >"$data/slice.ndjson"
claim "the server has something to answer with" \
	"$TILLBRIDGE" send --to "$URL" "$data/slice.ndjson"
claim "its postings are done" $PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 120
say "$PASSED passed, $FAILED failed"
only $PYTHON tests/api/contract_test.py --url "$URL" --door contract --secret "$SECRET"
