#!/usr/bin/python3
"""Goal: no moment of a run is a bad moment to end or to fail. Method: a short load is run again and
again; run N has its fault at the N-th call that changes a file of the data folder, N = 1, 2, 3 ...
until a run comes to its end before its fault is due. Faults: the process is killed; the power is cut
(what no sync has followed is lost, or half of the last write); the call fails with EIO or ENOSPC,
once or from then on; a write takes half. After each run the server starts again without faults,
takes what was not answered, and the auditor goes over everything.

  call_test.py --program FILE --library inject.so --work FOLDER [--every K] [--seed N] [FAULT ...]
"""
import argparse
import pathlib
import random
import sqlite3
import sys

import fault
import rig

FAULTS = ['kill', 'cut', 'tear', 'eio', 'enospc', 'short', 'eio:ever', 'enospc:ever']
STEPS, TILLS = 12, 2
CALLS_MAX = 5000


def one_run(options, what, number, seed):
    """(findings, was the fault due)"""
    run = fault.Run(options.program, options.library, pathlib.Path(options.work) / 'run', seed,
        TILLS, long=True)
    try:
        due = run.under_fault(f'any:{number}:{what}', STEPS)
        run.audit(applied=False)
        run.recover()
    finally:
        run.close()
    return run.findings, due


def all_runs(options, what, claims):
    """Every K-th call, from a place of its own so that short forms differ in what they hit."""
    dice = random.Random(f'{options.seed} {what}')
    number, runs, last = dice.randint(1, options.every), 0, 0
    while number < CALLS_MAX:
        try:
            findings, due = one_run(options, what, number, options.seed + number)
        except (OSError, ValueError, KeyError, RuntimeError, sqlite3.Error) as error:
            findings, due = [repr(error)], True
        if findings:
            claims.claim(f'{what} at call {number}, seed {options.seed + number}: {findings[0]}',
                False)
        if not due:
            break
        runs, last = runs + 1, number
        number += options.every
    claims.claim(f'{what}: {runs} runs, the last fault at call {last}, all of them recovered', runs > 0
        and number < CALLS_MAX)


def main():
    parser = argparse.ArgumentParser(description='Faults at every call that changes a file.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--library', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--every', type=int, default=1, help='only each K-th call')
    parser.add_argument('--from', dest='first', type=int, help='only this call (a failed run again)')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('faults', nargs='*', metavar='FAULT', help=f'default: {" ".join(FAULTS)}')
    options = parser.parse_args()
    options.program, options.library = options.program.absolute(), options.library.absolute()
    claims = rig.Claims()
    print(f'seed {options.seed}, every {options.every}. call')
    for what in options.faults or FAULTS:
        if options.first is not None:
            findings, due = one_run(options, what, options.first, options.seed)
            claims.claim(f'{what} at call {options.first}: {"" if due else "not due; "}'
                f'{findings or "nothing found"}', not findings)
        else:
            all_runs(options, what, claims)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
