/* Doors that are called: POST /v1/webhooks/{name}.
 *
 *     bytes ──▶ name known? ──▶ small enough? ──▶ authentic? ──▶ records ──▶ mapping ──▶ batch
 *               404             413               401, nothing is kept           422
 *
 * Nothing of the body is looked at before the sender has proved who it is. The answer has an object
 * for each record; its status is 200 when all of them stand, else that of the worst. */
#pragma once

#include "intake/door_set.h"

#define WEBHOOKS_PATH "/v1/webhooks/"

/* Takes the request and answers it, now or later. `set` may be NULL: there are no doors. */
void webhooks_post(struct door_set *set, struct http_request *request);
