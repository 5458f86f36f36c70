# What script/demo, script/test and their stages share. POSIX sh; sourced, never run.
# The caller has set ROOT, the top folder of the checkout.

# Debian's python3: another one, without Debian's modules, may stand first in PATH.
PYTHON=/usr/bin/python3

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config make libsqlite3-dev libssl-dev
	libcurl4-openssl-dev libjansson-dev libyaml-dev libxml2-dev librdkafka-dev libzstd-dev zstd ca-certificates python3
	python3-yaml"
TEST_PACKAGES="clang-14 libclang-rt-14-dev clang-tidy-14 clang-format-14
	python3-jsonschema chromium wrk curl git xfsprogs e2fsprogs mount"
TRYTON_PACKAGES="tryton-server tryton-modules-sale tryton-modules-sale-price-list
	tryton-modules-sale-promotion tryton-modules-stock-supply
	tryton-modules-purchase-request tryton-modules-account-invoice-stock
	tryton-modules-account-stock-continental"

say()
{
	printf '%s\n' "$*"
}

# Progress goes to standard error, so that a stage's closing line stays alone.
note()
{
	printf '  %s\n' "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 3
}

seconds()
{
	date +%s
}

# Runs a command whose output matters only when it fails: quiet "what the reader sees" command ...
quiet()
{
	quiet_what=$1
	shift
	quiet_log=$(mktemp)
	quiet_began=$(seconds)
	printf '  %s ... ' "$quiet_what" >&2
	if "$@" >"$quiet_log" 2>&1; then
		printf '%s s\n' $(($(seconds) - quiet_began)) >&2
		rm -f "$quiet_log"
		return 0
	fi
	printf 'failed after %s s:\n' $(($(seconds) - quiet_began)) >&2
	tail -n 60 "$quiet_log" >&2
	rm -f "$quiet_log"
	return 1
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo >/dev/null; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		die "packages are missing; run this as root or install sudo, or run: $*"
	fi
}

installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs what is missing of the packages it is given; silent when nothing is.
need_packages()
{
	command -v dpkg-query >/dev/null ||
		die "needs Debian 12's packages, and this machine has no dpkg"
	missing=
	for package in $*; do
		installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	note "installing:$missing"
	quiet "apt-get update" as_root apt-get update -q ||
		die "apt-get update failed: no package mirror answers; these are missing:$missing"
	quiet "apt-get install" as_root apt-get install -q -y --no-install-recommends $missing ||
		die "apt-get could not install:$missing"
}

# A Node.js that is there already is used when it is new enough and has npm.
need_node()
{
	if command -v node >/dev/null && command -v npm >/dev/null; then
		major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
		[ "$major" -ge 18 ] && return 0
	fi
	need_packages nodejs npm
}

# npm packages of one folder, once per state of its package.json and lock file.
need_npm()
{
	npm_stamp=$1/node_modules/.complete
	if [ -f "$npm_stamp" ] && [ ! "$1/package.json" -nt "$npm_stamp" ] &&
		[ ! "$1/package-lock.json" -nt "$npm_stamp" ]; then
		return 0
	fi
	npm_verb=install
	[ -f "$1/package-lock.json" ] && npm_verb=ci
	quiet "npm $npm_verb in ${1#"$ROOT"/}" env npm_config_audit=false npm_config_fund=false \
		npm_config_update_notifier=false npm_config_progress=false \
		npm --prefix "$1" "$npm_verb" || return 1
	touch "$npm_stamp"
}

# A TCP port of 127.0.0.1 that nobody uses now.
free_port()
{
	$PYTHON -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Servers that this shell started: "pid name" lines. Each is stopped by its pid, whatever happens.
SERVERS=
LOG_DIR=${LOG_DIR:-}

# start_server NAME command ... : the output goes to $LOG_DIR/NAME.log; SERVER_PID is set.
start_server()
{
	server_name=$1
	shift
	"$@" >"$LOG_DIR/$server_name.log" 2>&1 &
	SERVER_PID=$!
	SERVERS="$SERVERS $SERVER_PID"
}

# stop_server PID: asks politely, waits 20 seconds, then insists. False when it had to insist or
# when the server did not end with 0.
stop_server()
{
	kill -TERM "$1" 2>/dev/null
	stop_waited=0
	while kill -0 "$1" 2>/dev/null && [ $stop_waited -lt 200 ]; do
		sleep 0.1
		stop_waited=$((stop_waited + 1))
	done
	kill -KILL "$1" 2>/dev/null && note "server $1 did not stop within 20 s and was killed"
	wait "$1" 2>/dev/null
	stop_status=$?
	stop_rest=
	for stop_pid in $SERVERS; do
		[ "$stop_pid" = "$1" ] || stop_rest="$stop_rest $stop_pid"
	done
	SERVERS=$stop_rest
	return $stop_status
}

stop_servers()
{
	for stop_each in $SERVERS; do
		stop_server "$stop_each"
	done
}

# wait_ready URL PID SECONDS: until the server answers 200; false when it ended or never did.
wait_ready()
{
	ready_until=$(($(seconds) + $3))
	while ! $PYTHON -c 'import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)' \
		"$1" 2>/dev/null; do
		if ! kill -0 "$2" 2>/dev/null; then
			note "the server behind $1 ended before it was ready"
			return 1
		fi
		if [ "$(seconds)" -ge "$ready_until" ]; then
			note "$1 did not answer 200 within $3 s"
			return 1
		fi
		sleep 0.2
	done
}
