/* The commands of the one binary. Each gets its own name in argv[0], handles --help, prints what a
 * person needs to see, and returns an exit code of app/arguments.h: 0 done, 1 findings, 2 usage,
 * 3 cannot run. */
#pragma once

/* Sales of another system as a file of transactions (NDJSON). */
int command_import(int argc, char **argv);
/* A made-up chain as a file of transactions, the same for the same seed. */
int command_simulate(int argc, char **argv);
/* Sends files of transactions to a server, in order per register. */
int command_send(int argc, char **argv);
/* Server, ERP and replayed sales together, from one command. */
int command_demo(int argc, char **argv);
/* The server. */
int command_serve(int argc, char **argv);
/* A small ERP to try things out with, and to break on purpose. */
int command_sandbox_erp(int argc, char **argv);
/* Holds files of transactions to the schema and the rules, without a server. */
int command_check(int argc, char **argv);
/* The table of rules, as it holds for a store and a currency. */
int command_rules(int argc, char **argv);
/* The kinds of doors and their options. */
int command_doors(int argc, char **argv);
/* The agent for tills that cannot embed libtill. */
int command_edge(int argc, char **argv);
/* One transaction with its whole story, from a running server. */
int command_explain(int argc, char **argv);
/* A data subject's key, destroyed by a running server. */
int command_forget(int argc, char **argv);
/* The keys of data subjects, wrapped with another master key. */
int command_keys(int argc, char **argv);
/* The state, derived again from the journal. */
int command_rebuild(int argc, char **argv);
/* Sealed segments, compressed, into a folder of their own. */
int command_archive(int argc, char **argv);
/* The journal's bytes and the state, held against each other. */
int command_verify(int argc, char **argv);
/* The configuration file, checked without starting anything. */
int command_config(int argc, char **argv);
/* Mappings: what there is, and what one makes of a document. */
int command_map(int argc, char **argv);
int command_map_test(int argc, char **argv);
