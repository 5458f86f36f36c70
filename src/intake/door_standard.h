/* Standard Webhooks 1.0: the fields webhook-id, webhook-timestamp and webhook-signature, and a
 * signature over "{id}.{timestamp}.{body}". Several signatures, several secrets.
 *
 *     webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W
 *     webhook-timestamp: 1674087231
 *     webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,hnO3f9T8Ytu9...
 *
 * v1 is HMAC-SHA256 by a secret "whsec_..." (24 to 64 bytes in base64), v1a is Ed25519 by the
 * public key "whpk_...". Both may stand in the secret file. */
#pragma once

#include "intake/door.h"

extern const struct door_type door_standard;
