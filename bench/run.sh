#!/bin/sh
# bench/run.sh [SECONDS]: installs what is missing, builds the release and the peer, and measures
# (bench/run.py). Each measurement takes SECONDS (default 10) after a warm-up.
set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd)
cd "$ROOT" || exit 3
. script/lib.sh

# The headers that a native module is built with stand beside node; without them npm would want to
# fetch them from somewhere else.
node_headers()
{
	for prefix in "$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")" /usr; do
		if [ -f "$prefix/include/node/node.h" ]; then
			say "$prefix"
			return 0
		fi
	done
	return 1
}

build_peer()
{
	peer=bench/peers/node_modules/better-sqlite3/build/Release/better_sqlite3.node
	[ -f "$peer" ] && return 0
	headers=$(node_headers) || {
		need_packages libnode-dev
		headers=/usr
	}
	quiet "npm ci in bench/peers" npm --prefix bench/peers ci --ignore-scripts --no-audit \
		--no-fund || return 1
	quiet "building better-sqlite3" env npm_config_nodedir="$headers" \
		npm_config_build_from_source=true npm --prefix bench/peers rebuild better-sqlite3
	[ -f "$peer" ]
}

need_packages "$BUILD_PACKAGES wrk g++ libsimdjson-dev"
need_node
quiet "make release" make release || exit 3
quiet "the programs that measure disk and decoder" ninja -C build/release bench/limit \
	bench/bench-decode || exit 3
build_peer || die "the peer (bench/peers) could not be built"
exec $PYTHON bench/run.py --seconds "${1:-10}"
