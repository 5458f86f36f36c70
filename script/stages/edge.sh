#!/bin/sh
# libtill as a vendor gets it: size, symbols, headers; the example register is killed, loses nothing
. "$(dirname "$0")/stage.sh"

edge=$ROOT/build/edge
installed=$TEST_DIR/installed
library=$edge/edge/libtill.so.1.0.0
[ -f "$edge/build.ninja" ] || quiet "meson setup" env CC=gcc meson setup "$edge" \
	--buildtype=release -Doptimization=2 || give_up "build/edge is set up"
claim "the library builds, shared and static" quiet "libtill" \
	ninja -C "$edge" edge/libtill.so.1.0.0 edge/libtill.a || give_up "the library builds"
rm -rf "$installed"
claim "it installs" quiet "install" env DESTDIR="$installed" meson install -C "$edge" --no-rebuild \
	--tags till,devel

# 300 KB, without OpenSSL, which is a library of its own.
small_enough()
{
	strip -o "$TEST_DIR/libtill.stripped" "$library" &&
		bytes=$(stat -c %s "$TEST_DIR/libtill.stripped") &&
		say "       $bytes bytes" && [ "$bytes" -le 300000 ]
}
claim "stripped it has at most 300000 bytes" small_enough

only_till()
{
	[ -z "$(nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /^till_/')" ] &&
		[ -z "$(nm -g --defined-only "$edge/edge/libtill.a" | awk 'NF == 3 && $3 !~ /^till_/')" ] &&
		[ "$(nm -D --defined-only "$library" | grep -c ' T till_')" -ge 30 ]
}
claim "nothing but till_* can be seen of it, shared or static" only_till
# Every function of the header is there, and no other.
same_as_header()
{
	grep -o 'till_[a-z_]*(' edge/till.h | tr -d '(' | sort -u >"$TEST_DIR/header.names"
	nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u \
		>"$TEST_DIR/library.names"
	comm -13 "$TEST_DIR/header.names" "$TEST_DIR/library.names" | grep . && return 1
	grep -A3 '^TILL_API' edge/till.h | grep -o 'till_[a-z_]*(' | tr -d '(' | sort -u |
		comm -23 - "$TEST_DIR/library.names" | grep . && return 1
	return 0
}
claim "it has the functions of till.h and no others" same_as_header
claim "its soname is libtill.so.1" sh -c "readelf -d '$library' | grep -q 'SONAME.*\[libtill.so.1\]'"
printf '#include "till.h"\n' >"$TEST_DIR/header.cc"
claim "the header is C99 and C++" sh -c "gcc -x c -std=c99 -pedantic-errors -Wall -Werror -Iedge \
	-fsyntax-only '$TEST_DIR/header.cc' && clang-14 -x c++ -std=c++11 -pedantic-errors -Wall -Werror \
	-Iedge -fsyntax-only '$TEST_DIR/header.cc'"

# As a vendor builds: the installed files and pkg-config, nothing of this tree.
rm -rf "$TEST_DIR/register"
cp -r examples/register "$TEST_DIR/register"
configs=$(dirname "$(find "$installed" -name libtill.pc)")
vendor()
{
	env PKG_CONFIG_SYSROOT_DIR="$installed" PKG_CONFIG_PATH="$configs" "$@"
}
claim "the example builds by pkg-config" quiet "example" vendor make -C "$TEST_DIR/register" \
	CFLAGS="-O2 -Wall -Wextra -Werror" || give_up "the example builds"
claim "and against the static library" quiet "static example" sh -c "gcc -std=c99 \
	-I'$installed/usr/local/include' -o '$TEST_DIR/register/static' examples/register/register.c \
	'$edge/edge/libtill.a' -lssl -lcrypto -lpthread && '$TEST_DIR/register/static' --folder \
	'$TEST_DIR/register/queue' --url http://127.0.0.1:1 --store 1 --register 1 --sales 1"

[ -f "$ROOT/build/edge-plain/build.ninja" ] || quiet "meson setup" env CC=gcc meson setup \
	"$ROOT/build/edge-plain" --buildtype=release -Dedge_tls=false
without_tls()
{
	ninja -C "$ROOT/build/edge-plain" edge/libtill.so.1.0.0 >/dev/null &&
		! readelf -d "$ROOT/build/edge-plain/edge/libtill.so.1.0.0" | grep -q 'libssl\|libcrypto'
}
claim "it builds without TLS, and then without OpenSSL" without_tls

LD_LIBRARY_PATH=$(dirname "$(find "$installed" -name libtill.so.1)")
export LD_LIBRARY_PATH
say "$PASSED passed, $FAILED failed"
$PYTHON tests/system/edge_test.py --tillbridge "$TILLBRIDGE" --register "$TEST_DIR/register/register" \
	--data "$TEST_DIR/edge" --seed "${TEST_SEED:-1}" || FAILED=1
$PYTHON tests/system/agent_test.py --program "$TILLBRIDGE" --work "$TEST_DIR/agent" \
	--kills "$(full_or 30 3)" || FAILED=1
$PYTHON tests/system/send_test.py --program "$TILLBRIDGE" --work "$TEST_DIR/send" || FAILED=1
[ $FAILED = 0 ]
