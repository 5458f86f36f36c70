#include "app/consumers.h"

#include "books/ledger.h"
#include "books/register_day.h"
#include "books/register_writer.h"
#include "books/store_day.h"
#include "deliver/exceptions.h"
#include "deliver/postings.h"
#include "deliver/totals.h"
#include "intake/documents.h"
#include "intake/kept_replies.h"
#include "stock/on_hand.h"
#include "subjects/consumer.h"

const struct consumer *const consumers[] = {
	&documents_consumer,
	&kept_replies_consumer,
	&subjects_consumer,
	&on_hand_consumer,
	&store_day_consumer,
	&ledger_consumer,
	&postings_consumer,
	&totals_consumer, /* before the exceptions, which read what it passed */
	&exceptions_consumer,
	&register_day_consumer, /* behind them, whose tables it writes to */
	&register_writer_consumer,
	NULL,
};
