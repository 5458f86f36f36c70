#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
	if (err == NULL)
		return status;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	err->status = status;
	return status;
}

enum status error_wrap(struct error *err, const char *format, ...)
{
	if (err == NULL)
		return E_IO;
	char front[ERROR_TEXT_MAX], whole[2 * ERROR_TEXT_MAX + 2];
	va_list args;
	va_start(args, format);
	vsnprintf(front, sizeof(front), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%s: %s", front, err->text);
	memcpy(err->text, whole, sizeof(err->text) - 1);
	err->text[sizeof(err->text) - 1] = '\0';
	return err->status;
}

enum status error_errno(struct error *err, enum status status, const char *format, ...)
{
	int saved = errno;
	if (err == NULL)
		return status;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	size_t used = strlen(err->text);
	char reason[128];
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		strerror_r(saved, reason, sizeof(reason)));
	err->status = status;
	return status;
}

const char *status_name(enum status status)
{
	static const char *const names[] = {
		[OK] = "ok",
		[E_CONFIG] = "config",
		[E_INPUT] = "input",
		[E_RETRY] = "retry",
		[E_FULL] = "full",
		[E_IO] = "io",
		[E_CORRUPT] = "corrupt",
		[E_REFUSED] = "refused",
		[E_UNKNOWN] = "unknown",
		[E_STOPPED] = "stopped",
	};
	return (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status] : "?";
}
