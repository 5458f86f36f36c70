#!/bin/sh
# documents of other systems: POSLog and CSV, held against their source; configured doors, killed
. "$(dirname "$0")/stage.sh"

DOORS_DIR=$TEST_DIR/doors
POSLOG=$ROOT/../shared/data/payloads/poslog/ncr_acs_POSLog.sanitised.xml

# import FORMAT FILE ZONE NAME [OPTION ...]
import()
{
	import_format=$1 import_file=$2 import_zone=$3 import_name=$4
	shift 4
	"$TILLBRIDGE" import "$import_format" "$import_file" --time-zone "$import_zone" \
		--output "$DOORS_DIR/$import_name.ndjson" "$@"
}

# poslog FILE ZONE NAME MAPPING: imported, agreeing with the file, and refused by no rule
poslog()
{
	claim "$3: every transaction is mapped" import poslog "$1" "$2" "$3" --mapping "$4" || return
	claim "$3: keys, lines, tenders, tax and totals are those of the file" \
		$PYTHON tests/checkers/check_poslog.py "$1" "$DOORS_DIR/$3.ndjson"
	claim "$3: no rule refuses one" quietly "$TILLBRIDGE" check "$DOORS_DIR/$3.ndjson"
}

# What is only reported fills pages; it is shown when the command fails.
quietly()
{
	"$@" >"$DOORS_DIR/quietly.log" 2>&1 || {
		cat "$DOORS_DIR/quietly.log"
		return 1
	}
}

# Exit code 1, and all of the good records.
import_cut()
{
	head -c 6000 tests/doors/poslog_2.xml >"$DOORS_DIR/cut.xml"
	import poslog "$DOORS_DIR/cut.xml" UTC cut
	[ $? = 1 ] && [ "$(wc -l <"$DOORS_DIR/cut.ndjson")" -ge 1 ]
}

refuses_doctype()
{
	printf '<!DOCTYPE a [<!ENTITY b "c">]><a><Transaction>&b;</Transaction></a>' \
		>"$DOORS_DIR/doctype.xml"
	import poslog "$DOORS_DIR/doctype.xml" UTC doctype 2>"$DOORS_DIR/doctype.log"
	[ $? = 1 ] && grep -q DOCTYPE "$DOORS_DIR/doctype.log"
}

# The body of a mapping: everything behind its head.
same_body()
{
	for same_body_name in "$1" "$2"; do
		sed -n '/^tables:/,$p' "mappings/$same_body_name.yaml" \
			>"$DOORS_DIR/$same_body_name.body"
	done
	[ -s "$DOORS_DIR/$1.body" ] && cmp "$DOORS_DIR/$1.body" "$DOORS_DIR/$2.body"
}

rm -rf "$DOORS_DIR"
mkdir -p "$DOORS_DIR"
poslog tests/doors/poslog_2.xml Europe/Berlin poslog-2 poslog-2
poslog tests/doors/poslog_6.xml Europe/Berlin poslog-6 poslog-6
claim "POSLog 6 as JSON is mapped" import poslog tests/doors/poslog_6.json Europe/Berlin \
	poslog-6-json --mapping poslog-6-json
claim "and makes the same transactions as the XML" \
	cmp "$DOORS_DIR/poslog-6.ndjson" "$DOORS_DIR/poslog-6-json.ndjson"
claim "both mappings of POSLog 6 differ in their heads only" same_body poslog-6 poslog-6-json
claim "CSV is mapped" import csv tests/doors/sales.csv Europe/Berlin csv --mapping csv-example
claim "no rule refuses what CSV makes" quietly "$TILLBRIDGE" check "$DOORS_DIR/csv.ndjson"
claim "a file that was cut is told, and its records before the cut are kept" import_cut
claim "a DOCTYPE refuses the file" refuses_doctype
VENDORS=$ROOT/../shared/data/payloads
if [ -d "$VENDORS/square" ]; then
	claim "vendors' samples keep their amounts" \
		$PYTHON tests/checkers/check_vendors.py --tillbridge "$TILLBRIDGE" --samples "$VENDORS"
else
	claim "vendors' documents keep their amounts" \
		$PYTHON tests/checkers/check_vendors.py --tillbridge "$TILLBRIDGE"
fi
if [ -f "$POSLOG" ]; then
	poslog "$POSLOG" America/Los_Angeles ncr poslog-2
	SENT=$DOORS_DIR/ncr.ndjson
else
	SENT=$DOORS_DIR/poslog-2.ndjson
fi

start_sandbox "$DOORS_DIR/erp"
start_tillbridge "$DOORS_DIR/data"
claim "a server accepts every transaction of the POSLog" \
	"$TILLBRIDGE" send --to "$URL" "$SENT"
claim "sending them again is answered with the same receipts" \
	"$TILLBRIDGE" send --to "$URL" "$SENT"
claim "every posting is read back and agrees" \
	$PYTHON tests/system/wait_agreed.py --url "$URL" --timeout 300
claim "the server stops by itself when it is asked to" stop_server "$PID"
claim "so does the sandbox ERP" stop_server "$ERP_PID"
say "$PASSED passed, $FAILED failed"
$PYTHON tests/system/doors_test.py --program "$TILLBRIDGE" --work "$DOORS_DIR/configured" \
	--kills "$(full_or 30 4)" && [ $FAILED = 0 ]
