/* One connection to the centre, plain or under TLS, with a deadline on everything. Blocking for the
 * caller's thread; wire_stop() from another one ends the wait. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

struct wire;

struct wire_config {
	const char *host, *port;
	bool tls;
	const char *ca_file;                  /* NULL: those of the system */
	const char *client_cert, *client_key; /* PEM; both or NULL */
	struct clock *clock;
};

/* E_CONFIG: the TLS files cannot be used, or TLS was left out of this library. */
enum status wire_open(const struct wire_config *config, struct wire **ret_wire, struct error *err);
void wire_close(struct wire *wire);

/* Connects when it is not connected. E_RETRY: nobody answers, or not in time, or the certificate is
 * not to be trusted; E_STOPPED. */
enum status wire_connect(struct wire *wire, uint64_t timeout_ms, struct error *err);
bool wire_connected(const struct wire *wire);
void wire_drop(struct wire *wire);
/* False when the other side has closed an idle connection. */
bool wire_alive(struct wire *wire);

/* Both end at the deadline that wire_deadline() has set. E_RETRY, E_STOPPED. */
void wire_deadline(struct wire *wire, uint64_t timeout_ms);
enum status wire_send(struct wire *wire, struct slice bytes, struct error *err);
/* *ret_len is 0 at the end of the stream. */
enum status wire_receive(
	struct wire *wire, char *bytes, size_t size, size_t *ret_len, struct error *err);

/* Any thread: what waits now or later answers E_STOPPED. */
void wire_stop(struct wire *wire);
