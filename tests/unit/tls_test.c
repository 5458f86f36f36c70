#include "net_site.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define GET "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

/* A certificate of its own, with a serial number that tells it from the next. */
struct identity {
	char cert[128], key[128];
};

static void identity_name(struct identity *identity)
{
	snprintf(identity->cert, sizeof(identity->cert), "%s/cert.pem", test_folder());
	snprintf(identity->key, sizeof(identity->key), "%s/key.pem", test_folder());
}

static X509 *make_certificate(EVP_PKEY *key, long serial)
{
	X509 *cert = X509_new();
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	EXPECT(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static void identity_write(const struct identity *identity, long serial)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EXPECT(key != NULL);
	X509 *cert = make_certificate(key, serial);
	FILE *file = fopen(identity->cert, "w");
	EXPECT(file != NULL && PEM_write_X509(file, cert) == 1);
	fclose(file);
	file = fopen(identity->key, "w");
	EXPECT(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void tls_site_open(struct site *site, struct identity *identity)
{
	struct server_config config = site_config();
	identity_name(identity);
	identity_write(identity, 1);
	config.tls_cert = identity->cert;
	config.tls_key = identity->key;
	site_open(site, config);
}

/* The result of the handshake; `protocols` in the wire form of ALPN, or NULL. */
static bool handshake(
	struct client *client, const struct site *site, int version_max, const char *protocols)
{
	signal(SIGPIPE, SIG_IGN); /* OpenSSL cannot be told to write without it */
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(context, version_max);
	client_open(client, site);
	client->tls = SSL_new(context);
	SSL_CTX_free(context);
	if (protocols != NULL)
		SSL_set_alpn_protos(
			client->tls, (const unsigned char *)protocols, (unsigned)strlen(protocols));
	SSL_set_fd(client->tls, client->fd);
	return SSL_connect(client->tls) == 1;
}

static long serial_seen(const struct client *client)
{
	X509 *cert = SSL_get1_peer_certificate(client->tls);
	EXPECT(cert != NULL);
	long serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));
	X509_free(cert);
	return serial;
}

static void expect_served(struct client *client)
{
	client_say(client, GET);
	expect_answer(client, 200, "");
}

static void expect_goodbye(struct client *client)
{
	char byte;
	int n = SSL_read(client->tls, &byte, 1);
	EXPECT_NUMBER(SSL_get_error(client->tls, n), SSL_ERROR_ZERO_RETURN);
}

TEST(requests_are_served_over_tls_1_3)
{
	struct site site;
	struct identity identity;
	struct client client;
	tls_site_open(&site, &identity);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, "\x02h2\x08http/1.1"));
	const unsigned char *name;
	unsigned len;
	SSL_get0_alpn_selected(client.tls, &name, &len);
	EXPECT(slice_is(slice_make(name, len), "http/1.1"));
	EXPECT_TEXT(SSL_get_version(client.tls), "TLSv1.3");
	for (unsigned i = 0; i < 10; i++)
		expect_served(&client);
	client_close(&client);
	site_close(&site);
}

TEST(older_tls_and_other_protocols_are_refused)
{
	struct site site;
	struct identity identity;
	struct client client;
	tls_site_open(&site, &identity);
	EXPECT(!handshake(&client, &site, TLS1_2_VERSION, NULL));
	client_close(&client);
	EXPECT(!handshake(&client, &site, TLS1_3_VERSION, "\x02h2"));
	client_close(&client);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, NULL));
	expect_served(&client);
	while (site_counters(&site).tls_failures_total < 2)
		sched_yield();
	client_close(&client);
	site_close(&site);
}

TEST(plain_http_to_the_tls_port_is_closed_unserved)
{
	struct site site;
	struct identity identity;
	struct client client;
	tls_site_open(&site, &identity);
	client_open(&client, &site);
	client_say(&client, GET);
	while (client_read(&client))
		;
	EXPECT(client.in.len == 0 || memmem(client.in.ptr, client.in.len, "HTTP", 4) == NULL);
	EXPECT_NUMBER(site_counters(&site).requests_total, 0);
	client_close(&client);
	site_close(&site);
}

TEST(a_client_that_does_not_finish_its_handshake_is_dropped)
{
	struct site site;
	struct identity identity;
	struct client client;
	tls_site_open(&site, &identity);
	client_open(&client, &site);
	client_say(&client, "\x16\x03\x01");
	while (site_counters(&site).connections_total == 0)
		sched_yield();
	while (site_counters(&site).timeouts_total == 0) {
		site_advance(&site, 10);
		sched_yield();
	}
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(bodies_and_answers_of_any_size_pass_through_tls)
{
	enum { LEN = 1 << 20 };
	struct site site;
	struct identity identity;
	struct client client;
	struct answer answer;
	char *body = malloc(LEN);
	for (size_t i = 0; i < LEN; i++)
		body[i] = (char)('a' + i % 23);
	tls_site_open(&site, &identity);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, NULL));
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
	client_send(&client, body, LEN);
	client_answer(&client, true, &answer);
	EXPECT(slice_equal(answer.body, slice_make(body, LEN)));
	client_say(&client, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n" GET);
	client_answer(&client, true, &answer);
	EXPECT_NUMBER(answer.body.len, BIG_BYTES);
	expect_answer(&client, 200, "");
	client_close(&client);
	site_close(&site);
	free(body);
}

TEST(the_last_answer_over_tls_ends_with_a_goodbye)
{
	struct site site;
	struct identity identity;
	struct client client;
	tls_site_open(&site, &identity);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, NULL));
	client_say(&client, "GET /full HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_answer(&client, 204, "");
	expect_goodbye(&client);
	client_close(&client);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, NULL));
	client_say(&client, "GET  / HTTP/1.1\r\n\r\n");
	expect_answer(&client, 400, NULL);
	expect_goodbye(&client);
	client_close(&client);
	site_close(&site);
}

TEST(a_new_certificate_is_taken_up_without_a_pause)
{
	struct site site;
	struct identity identity;
	struct client before, after;
	struct error err;
	tls_site_open(&site, &identity);
	EXPECT(handshake(&before, &site, TLS1_3_VERSION, NULL));
	EXPECT_NUMBER(serial_seen(&before), 1);
	identity_write(&identity, 2);
	EXPECT_OK(server_reload_tls(site.server, &err), err);
	EXPECT(handshake(&after, &site, TLS1_3_VERSION, NULL));
	EXPECT_NUMBER(serial_seen(&after), 2);
	expect_served(&before);
	expect_served(&after);
	client_close(&before);
	client_close(&after);
	site_close(&site);
}

static void truncate_file(const char *path)
{
	FILE *file = fopen(path, "w");
	EXPECT(file != NULL);
	fclose(file);
}

TEST(a_broken_certificate_leaves_the_old_one_in_use)
{
	struct site site;
	struct identity identity, other;
	struct client client;
	struct error err;
	tls_site_open(&site, &identity);
	other = identity;
	snprintf(other.key, sizeof(other.key), "%s/other.pem", test_folder());
	identity_write(&other, 3); /* a new certificate beside the old key */
	EXPECT(server_reload_tls(site.server, &err) == E_CONFIG);
	truncate_file(identity.cert);
	EXPECT(server_reload_tls(site.server, &err) == E_CONFIG);
	remove(identity.cert);
	EXPECT(server_reload_tls(site.server, &err) == E_CONFIG);
	EXPECT(strstr(err.text, identity.cert) != NULL);
	EXPECT(handshake(&client, &site, TLS1_3_VERSION, NULL));
	EXPECT_NUMBER(serial_seen(&client), 1);
	expect_served(&client);
	client_close(&client);
	site_close(&site);
}

TEST(without_a_certificate_there_is_nothing_to_reload)
{
	struct site site;
	struct error err;
	site_open(&site, site_config());
	EXPECT(server_reload_tls(site.server, &err) == E_CONFIG);
	site_close(&site);
}

TEST(a_connection_too_many_is_only_closed_under_tls)
{
	struct site site;
	struct identity identity;
	struct client busy, late;
	struct server_config config = site_config();
	identity_name(&identity);
	identity_write(&identity, 1);
	config.tls_cert = identity.cert;
	config.tls_key = identity.key;
	config.connections_max = 1;
	site_open(&site, config);
	EXPECT(handshake(&busy, &site, TLS1_3_VERSION, NULL));
	client_say(&busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	struct http_request *request = site_take(&site);
	EXPECT(!handshake(&late, &site, TLS1_3_VERSION, NULL));
	client_close(&late);
	echo(request);
	expect_answer(&busy, 200, "");
	client_close(&busy);
	site_close(&site);
}
