#!/usr/bin/python3
"""Goal: memory does not grow with what was ever accepted. Method: wrk sends sales, each a new key of
ever new registers, in portions; after each the consumers catch up and the resident size is read. After
the warm-up it must stay where it is. The index of keys is kept small, so that its limit is reached.

  memory_test.py --program FILE --work FOLDER [--sales N] [--growth MIB]
"""
import argparse
import pathlib
import subprocess
import sys

import rig

BENCH = rig.ROOT / 'bench'
PORTION_SECONDS = 1


def resident_mib(process):
    for line in pathlib.Path(f'/proc/{process.pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1024
    return 0.0


def portion(server, run):
    """Sends for a while, waits for the consumers; (events so far, resident MiB)."""
    subprocess.run(['wrk', '-t2', '-c8', f'-d{PORTION_SECONDS}s', '--timeout', '30s', '-s',
        'ndjson.lua', server.url, '--', f'r{run}', '2026-11-02'], cwd=BENCH, check=True,
        stdout=subprocess.DEVNULL)
    if not rig.wait_applied(server):
        raise RuntimeError('the consumers do not catch up')
    return (rig.get(server.url + '/v1/status')['journal']['durable_event'],
        resident_mib(server.process))


def main():
    parser = argparse.ArgumentParser(description='Resident memory over a long run.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--sales', type=int, default=200000, help='after as many of warm-up')
    parser.add_argument('--growth', type=float, default=24, help='MiB that it may grow by')
    options = parser.parse_args()
    folder, claims = rig.empty(options.work), rig.Claims()
    server = rig.serve(options.program.absolute(), folder, folder / 'data',
        '--identity-entries-max', '20000')
    server.command[server.command.index('64K')] = '16M'
    server.start()
    try:
        run, events, warm_up = 0, 0, min(options.sales, 1000000)
        while events < warm_up:
            run += 1
            events, begin = portion(server, run)
        first, most = events, begin
        while events < first + options.sales:
            run += 1
            events, now = portion(server, run)
            most = max(most, now)
            print(f'{events} events, {now:.1f} MiB', flush=True)
        claims.claim(f'{most - begin:.1f} MiB more than after the warm-up with {begin:.1f} MiB, over '
            f'{events - first} sales', most - begin <= options.growth)
    finally:
        stopped = server.stop()
    claims.claim('the server stops when it is asked to', stopped)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
