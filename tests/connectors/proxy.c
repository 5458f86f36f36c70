#include "proxy.h"

#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_BYTES_MAX = 1 << 20 };

static size_t read_until_complete(int fd, char *text, size_t size)
{
	size_t len = 0, wanted = SIZE_MAX;
	while (len < wanted && len < size - 1) {
		ssize_t n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		char *head_end = strstr(text, "\r\n\r\n");
		char *length = strcasestr(text, "\r\ncontent-length:");
		if (head_end != NULL && length != NULL)
			wanted = (size_t)(head_end + 4 - text) + strtoul(length + 17, NULL, 10);
		else if (head_end != NULL && strncmp(text, "GET ", 4) == 0)
			wanted = len;
	}
	text[len] = '\0';
	return len;
}

static void write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void write_text(int fd, const char *text)
{
	write_all(fd, text, strlen(text));
}

static size_t forward(struct proxy *proxy, const char *request, size_t len, char *answer)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t got = 0;
	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&proxy->server, sizeof(proxy->server)) == 0) {
		write_all(fd, request, len);
		got = read_until_complete(fd, answer, MESSAGE_BYTES_MAX);
	}
	close(fd);
	return got;
}

/* The server's answer, with the word that this connection ends here: a client that believed that
 * it stays could send its next request into nothing. */
static void pass_on(int client, const char *answer, size_t len)
{
	const char *rest = strstr(answer, "\r\n");
	if (rest == NULL)
		return;
	write_all(client, answer, (size_t)(rest - answer));
	write_text(client, "\r\nConnection: close");
	write_all(client, rest, len - (size_t)(rest - answer));
}

static void answer_with(
	int client, const char *status, const char *head, const char *body, size_t len)
{
	char text[256];
	snprintf(text, sizeof(text),
		"HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n",
		status, head, len);
	write_text(client, text);
	write_all(client, body, len);
}

static bool is_trouble(struct proxy *proxy, const char *request, unsigned number)
{
	char name[128];
	if (proxy->trouble == TROUBLE_NONE)
		return false;
	if (proxy->method == NULL)
		return number == proxy->at && atomic_fetch_add(&proxy->troubles, 1) == 0;
	snprintf(name, sizeof(name), "\"%s\"", proxy->method);
	return strstr(request, name) != NULL && atomic_fetch_add(&proxy->troubles, 1) == 0;
}

static const char *body_of(const char *answer)
{
	const char *head_end = strstr(answer, "\r\n\r\n");
	return head_end == NULL ? answer + strlen(answer) : head_end + 4;
}

/* Waits until the client has enough of it. */
static void hold(int client)
{
	char byte;
	while (read(client, &byte, 1) > 0)
		;
}

/* What does not reach the server; false when this trouble does. */
static bool keep_from_server(struct proxy *proxy, int client)
{
	switch (proxy->trouble) {
	case TROUBLE_LOGGED_OUT:
		answer_with(client, "401 Unauthorized", "", "", 0);
		return true;
	case TROUBLE_BUSY:
		answer_with(client, "503 Service Unavailable", "Retry-After: 2\r\n", "", 0);
		return true;
	case TROUBLE_STALL:
		hold(client);
		return true;
	case TROUBLE_NOT_DONE:
		answer_with(client, "200 OK", "", proxy->garbage, strlen(proxy->garbage));
		return true;
	default:
		return false;
	}
}

static void spoil_answer(struct proxy *proxy, int client, const char *answer, size_t len)
{
	const char *body = body_of(answer);
	size_t body_len = strlen(body);
	switch (proxy->trouble) {
	case TROUBLE_NO_ANSWER:
		return;
	case TROUBLE_HALF:
		write_all(client, answer, len - body_len / 2);
		return;
	case TROUBLE_SHORT:
		answer_with(client, "200 OK", "", body, body_len / 2);
		return;
	case TROUBLE_GARBAGE:
		answer_with(client, "200 OK", "", proxy->garbage, strlen(proxy->garbage));
		return;
	case TROUBLE_ERROR:
		answer_with(client, "500 Internal Server Error", "", proxy->garbage,
			strlen(proxy->garbage));
		return;
	default:
		pass_on(client, answer, len);
	}
}

static void serve(struct proxy *proxy, int client, char *request, char *answer)
{
	size_t len = read_until_complete(client, request, MESSAGE_BYTES_MAX);
	if (len == 0)
		return;
	bool trouble = is_trouble(proxy, request, atomic_fetch_add(&proxy->requests, 1) + 1);
	if (trouble && keep_from_server(proxy, client))
		return;
	if (trouble && proxy->trouble == TROUBLE_TWICE)
		forward(proxy, request, len, answer);
	size_t got = forward(proxy, request, len, answer);
	if (trouble)
		spoil_answer(proxy, client, answer, got);
	else
		pass_on(client, answer, got);
}

static void *run_proxy(void *context)
{
	struct proxy *proxy = context;
	char *request = malloc(MESSAGE_BYTES_MAX), *answer = malloc(MESSAGE_BYTES_MAX);
	EXPECT(request != NULL && answer != NULL);
	for (;;) {
		int client = accept(proxy->listener, NULL, NULL);
		if (client < 0)
			break;
		serve(proxy, client, request, answer);
		close(client);
	}
	free(request);
	free(answer);
	return NULL;
}

void proxy_open(struct proxy *proxy, unsigned server_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	proxy->server = address;
	proxy->server.sin_port = htons((uint16_t)server_port);
	proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(listen(proxy->listener, 16) == 0);
	EXPECT(getsockname(proxy->listener, (struct sockaddr *)&address, &size) == 0);
	proxy->port = ntohs(address.sin_port);
	EXPECT(pthread_create(&proxy->thread, NULL, run_proxy, proxy) == 0);
}

void proxy_close(struct proxy *proxy)
{
	shutdown(proxy->listener, SHUT_RDWR);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
}
