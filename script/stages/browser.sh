#!/bin/sh
# the dashboard in a real headless Chromium, on the data of the stage sales
. "$(dirname "$0")/stage.sh"

need_sales
need_npm "$ROOT/tests/browser" || give_up "npm installs what tests/browser/package.json names"
start_sandbox "$SALES_DIR/erp"
(umask 077 && echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$SALES_DIR/secret")
mkdir -p "$SALES_DIR/drop"
start_configured "$SALES_DIR/data" <<END
doors:
  webshop: { door: standard, secret_file: $SALES_DIR/secret }
  drop: { door: folder, folder: $SALES_DIR/drop, mapping: transactions }
END

cd tests/browser || exit 3
TILLBRIDGE_URL=$URL node --test --test-reporter=tap dashboard.test.mjs >"$LOG_DIR/browser.tap" 2>&1
status=$?
cat "$LOG_DIR/browser.tap"
# node's own closing lines are "# pass 12" and "# fail 0".
counted()
{
	sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$LOG_DIR/browser.tap" | tail -n 1
}

passed=$(counted pass)
failed=$(counted fail)
PASSED=$((PASSED + ${passed:-0}))
FAILED=$((FAILED + ${failed:-0}))
[ $status = 0 ] || [ $FAILED -gt 0 ] || FAILED=1
close_stage
