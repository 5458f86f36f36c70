# What every stage begins with; sourced. A stage runs in ROOT, prints "N passed, N failed" on lines
# of their own, and stops the servers that it started however it ends.
set -u
ROOT=${ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$ROOT" || exit 3
. "$ROOT/script/lib.sh"
BUILD=${BUILD:-$ROOT/build/debug}
TEST_DIR=${TEST_DIR:-$ROOT/build/test}
LOG_DIR=$TEST_DIR/logs
TILLBRIDGE=$BUILD/tillbridge
SALES=$ROOT/../shared/data/sales/uci_online_retail.csv.zst
mkdir -p "$LOG_DIR"

PASSED=0
FAILED=0

# full_or FULL SHORT: how many, in `make torture` and otherwise.
full_or()
{
	[ "${TORTURE:-}" = full ] && say "$1" || say "$2"
}

# A claim and the command that proves it: claim "the state is rebuilt byte for byte" command ...
claim()
{
	claim_what=$1
	shift
	if "$@"; then
		say "ok     $claim_what"
		PASSED=$((PASSED + 1))
	else
		say "FAILED $claim_what"
		FAILED=$((FAILED + 1))
		return 1
	fi
}

# Ends the stage with its closing line.
close_stage()
{
	say "$PASSED passed, $FAILED failed"
	[ $FAILED = 0 ]
	exit
}

# The same, for what makes the rest of the stage meaningless.
give_up()
{
	say "FAILED $*"
	for give_up_log in "$LOG_DIR"/*.log; do
		[ -s "$give_up_log" ] && say "-- ${give_up_log##*/}:" && tail -n 20 "$give_up_log"
	done
	FAILED=$((FAILED + 1))
	close_stage
}

# A stage that runs one command which closes with its own line.
only()
{
	"$@"
	exit
}

# The tests of one Meson suite; their closing lines are in Meson's log, where tests that ran side
# by side do not mix.
run_suite()
{
	suite_status=0
	rm -f "$BUILD/meson-logs/testlog.txt"
	meson test -C "$BUILD" -t "$(full_or 0 1)" --no-rebuild --suite "$1" --print-errorlogs 2>&1 |
		sed 's/^/  /'
	[ -f "$BUILD/meson-logs/testlog.txt" ] || give_up "meson ran no test of the suite $1"
	awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; closed++ }
		/^result:/ && !/exit status 0/ { bad++ }
		END {
			if (bad > 0 && failed == 0)
				failed = bad
			printf "%d passed, %d failed\n", passed, failed
			exit failed > 0 || passed == 0
		}' "$BUILD/meson-logs/testlog.txt"
	exit
}

trap stop_servers EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# start_sandbox FOLDER [OPTION ...]: the sandbox ERP with its data there; sets ERP_URL, ERP_PID.
start_sandbox()
{
	erp_folder=$1
	shift
	erp_port=$(free_port)
	ERP_URL=http://127.0.0.1:$erp_port
	start_server sandbox "$TILLBRIDGE" sandbox-erp --listen "127.0.0.1:$erp_port" \
		--data "$erp_folder" "$@"
	ERP_PID=$SERVER_PID
	wait_ready "$ERP_URL/api/summary" "$ERP_PID" 30 || give_up "the sandbox ERP starts"
}

# start_tillbridge FOLDER: the server in its development mode, posting to ERP_URL; sets URL, PID.
start_tillbridge()
{
	port=$(free_port)
	URL=http://127.0.0.1:$port
	start_server serve "$TILLBRIDGE" serve --dev --data "$1" --listen "127.0.0.1:$port" \
		--erp-url "$ERP_URL"
	PID=$SERVER_PID
	wait_ready "$URL/readyz" "$PID" 60 || give_up "the server starts"
}

# start_configured FOLDER: the server with a configuration file: its ERP is ERP_URL, and the rest
# comes from standard input. Sets URL, PID.
start_configured()
{
	port=$(free_port)
	URL=http://127.0.0.1:$port
	{
		echo "listen: 127.0.0.1:$port"
		echo "data: $1"
		echo "erps: { sandbox: { connector: sandbox, url: '$ERP_URL' } }"
		echo "default_erp: sandbox"
		cat
	} >"$1.yaml"
	start_server serve "$TILLBRIDGE" serve --config "$1.yaml"
	PID=$SERVER_PID
	wait_ready "$URL/readyz" "$PID" 60 || give_up "the server starts"
}

# What the stages sales, rebuild and browser share: the first has filled it.
SALES_DIR=$TEST_DIR/sales
SALES_DAYS=${SALES_DAYS:-10}
need_sales()
{
	[ -f "$SALES_DIR/complete" ] || give_up "the stage sales has run before (script/test sales)"
}

# Compares what the API and the sandbox ERP's log say with what the source says, by programs that
# share no code with tillbridge. For the folder that the stage sales has filled.
check_sales()
{
	if [ -f "$SALES" ]; then
		$PYTHON tests/checkers/check_uci.py "$SALES" --days "$SALES_DAYS" --url "$URL" \
			--sandbox-log "$SALES_DIR/erp/sandbox.log"
	else
		$PYTHON tests/checkers/check_simulated.py "$SALES_DIR/sales.ndjson" --url "$URL" \
			--sandbox-log "$SALES_DIR/erp/sandbox.log"
	fi
}
