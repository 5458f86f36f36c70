/* A proxy between a connector and its ERP that does something bad to one of the requests, for tests
 * of connectors. It serves one connection and one request at a time. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum trouble {
	TROUBLE_NONE,       /* only counts */
	TROUBLE_NO_ANSWER,  /* the server does it, and the connection is closed */
	TROUBLE_TWICE,      /* the server gets the request two times */
	TROUBLE_LOGGED_OUT, /* 401, and the server gets nothing */
	TROUBLE_BUSY,       /* 503 with Retry-After: 2, and the server gets nothing */
	TROUBLE_STALL,      /* no answer ever; the server gets nothing */
	TROUBLE_HALF,       /* the server does it, and half of its answer arrives */
	TROUBLE_SHORT,      /* ... half of it as if that was all */
	TROUBLE_GARBAGE,    /* ... `garbage` arrives with status 200 in the place of the answer */
	TROUBLE_ERROR,      /* ... `garbage` arrives with status 500 */
	TROUBLE_NOT_DONE,   /* the server gets nothing, and `garbage` arrives with status 200 */
};

struct proxy {
	pthread_t thread;
	int listener;
	unsigned port;
	struct sockaddr_in server;
	enum trouble trouble;
	const char
		*method; /* trouble at the first request whose body has "method"; NULL: by number */
	unsigned at;     /* 1 is the first request */
	const char *garbage;
	atomic_uint requests, troubles;
};

/* Listens on proxy->port from here on; the fields that say what is bad are set by the caller
 * before, the rest is filled. */
void proxy_open(struct proxy *proxy, unsigned server_port);
void proxy_close(struct proxy *proxy);
