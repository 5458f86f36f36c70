/* Reading everything, changing nothing. */
#include "journal/chain.h"
#include "journal/scan.h"

struct verifier {
	struct disk *disk;
	struct window window;
	struct hasher *hasher;
};

static enum status verify_open_segment(struct verifier *v, const struct link *link,
	struct segment_report *report, struct error *err)
{
	struct scan scan;
	enum status s = scan_open_segment(&v->window, &link->header, v->hasher, &scan, err);
	if (s != OK)
		return s;
	report->last_number = scan.next_number - 1;
	report->bytes = scan.end;
	return OK;
}

static enum status verify_sealed_segment(struct verifier *v, const struct link *link,
	struct segment_report *report, struct error *err)
{
	report->last_number = link->seal.last_number;
	report->bytes = link->header.size;
	report->sealed = true;
	report->seal = link->seal.hash;
	return scan_sealed_segment(&v->window, &link->header, &link->seal, v->hasher, err);
}

static enum status verify_segment(struct verifier *v, const struct link *link,
	struct segment_report *ret_report, struct error *err)
{
	struct segment_report report = { .first_number = link->header.first_number };
	struct disk_file *file = NULL;
	segment_name(link->header.index, report.name);
	enum status s = v->disk->ops->open(v->disk, report.name, false, &file, err);
	if (s != OK)
		return s;
	window_turn(&v->window, file);
	s = link->sealed ? verify_sealed_segment(v, link, &report, err)
			 : verify_open_segment(v, link, &report, err);
	v->disk->ops->close(file);
	if (s != OK) {
		error_wrap(err, "%s", report.name);
		return s;
	}
	if (report.last_number < report.first_number)
		report.first_number = report.last_number = 0;
	*ret_report = report;
	return OK;
}

enum status journal_verify(struct disk *disk,
	void (*each)(void *context, const struct segment_report *report), void *context,
	struct error *err)
{
	struct verifier v = { .disk = disk };
	struct chain chain = { 0 };
	enum status s = chain_load(disk, &chain, err);
	window_init(&v.window, NULL, SCAN_READ_BYTES);
	v.hasher = hasher_open();
	for (uint64_t i = 0; s == OK && i < chain.count; i++) {
		struct segment_report report;
		s = verify_segment(&v, &chain.links[i], &report, err);
		if (s == OK && each != NULL)
			each(context, &report);
	}
	hasher_close(v.hasher);
	window_release(&v.window);
	chain_release(&chain);
	return s;
}
