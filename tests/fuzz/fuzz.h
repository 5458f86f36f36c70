/* What a fuzz entry defines: tests/fuzz/<name>_fuzz.c. It gets bytes that nobody has looked at and
 * must neither crash nor break one of its check()s.
 *
 * A meson test replays tests/fuzz/corpus/<name>/. With `-Dfuzz=true` (clang only) the same file
 * becomes a libFuzzer program: build/fuzz/tests/fuzz/fuzz-<name> tests/fuzz/corpus/<name>. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
