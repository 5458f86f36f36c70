/* Functions that cannot be used safely here, turned into compile errors. Included by the build on
 * every command line (-include), after the system headers it needs. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Under clang the hardened headers define it as a macro, which cannot be poisoned. */
#undef sprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets atoi atol atoll atof
#pragma GCC poison strtok gmtime localtime ctime asctime srand tmpnam mktemp
