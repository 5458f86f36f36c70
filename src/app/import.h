/* The formats of tillbridge import; argv[0] is the format's name. */
#pragma once

int import_uci(int argc, char **argv);
int import_poslog(int argc, char **argv);
int import_csv(int argc, char **argv);
