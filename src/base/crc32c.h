/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the processor's instruction where there is
 * one. Start with 0 and pass the result on to continue over further bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
