/* The REST door: POST /v1/transactions, one as application/json or many as application/x-ndjson. */
#pragma once

#include "intake/admission.h"

enum { NDJSON_LINES_MAX = 1000 };

/* Takes the request and answers it, now or later. */
void rest_post(struct admission *admission, struct http_request *request);
