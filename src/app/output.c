#include "app/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
	FILE *file;
	char *path;
	char *temporary; /* NULL for standard output, and after the rename */
};

static enum status open_file(struct output *output, const char *path, struct error *err)
{
	if (asprintf(&output->temporary, "%s.XXXXXX", path) < 0) {
		output->temporary = NULL;
		return error_set(err, E_FULL, "%s: out of memory", path);
	}
	int fd = mkstemp(output->temporary);
	if (fd < 0) {
		enum status s = error_errno(err, E_IO, "%s: cannot write beside it", path);
		free(output->temporary);
		output->temporary = NULL;
		return s;
	}
	output->file = fdopen(fd, "w");
	if (output->file == NULL) {
		close(fd);
		return error_errno(err, E_IO, "%s: cannot write", path);
	}
	return OK;
}

enum status output_open(const char *path, struct output **ret_output, struct error *err)
{
	enum status s = OK;
	struct output *output = calloc(1, sizeof(*output));
	if (output != NULL)
		output->path = strdup(path);
	if (output == NULL || output->path == NULL)
		s = error_set(err, E_FULL, "%s: out of memory", path);
	else if (strcmp(path, "-") == 0)
		output->file = stdout;
	else
		s = open_file(output, path, err);
	if (s == OK) {
		*ret_output = output;
		output = NULL;
	}
	output_close(output);
	return s;
}

enum status output_line(struct output *output, struct slice line, struct error *err)
{
	if (fwrite(line.ptr, 1, line.len, output->file) != line.len ||
		fputc('\n', output->file) == EOF)
		return error_errno(err, E_IO, "%s: cannot write", output->path);
	return OK;
}

enum status output_finish(struct output *output, struct error *err)
{
	if (fflush(output->file) != 0)
		return error_errno(err, E_IO, "%s: cannot write", output->path);
	if (output->temporary == NULL)
		return OK;
	/* mkstemp() makes files that only their owner may read. */
	if (fchmod(fileno(output->file), 0644) != 0 || fsync(fileno(output->file)) != 0)
		return error_errno(err, E_IO, "%s: cannot write", output->path);
	if (rename(output->temporary, output->path) != 0)
		return error_errno(
			err, E_IO, "%s: cannot rename %s to it", output->path, output->temporary);
	free(output->temporary);
	output->temporary = NULL;
	return OK;
}

void output_close(struct output *output)
{
	if (output == NULL)
		return;
	if (output->file != NULL && output->file != stdout)
		fclose(output->file);
	if (output->temporary != NULL)
		unlink(output->temporary);
	free(output->temporary);
	free(output->path);
	free(output);
}
