/* A file that is complete or not there: it is written beside its place and renamed at the end.
 * "-" is standard output and streams. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct output;

enum status output_open(const char *path, struct output **ret_output, struct error *err);
/* Appends the bytes and a newline. */
enum status output_line(struct output *output, struct slice line, struct error *err);
/* Makes it durable and puts it in its place. Close it afterwards. */
enum status output_finish(struct output *output, struct error *err);
/* Without output_finish() before, nothing is left behind. */
void output_close(struct output *output);
