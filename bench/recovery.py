#!/usr/bin/python3
"""How soon a killed server acknowledges again, with a journal of a million sales.

wrk fills a new folder; the server is killed (SIGKILL) in the middle of it, when the consumers are far
behind, and started again; a sale is sent until it is acknowledged. Then the consumers catch up, and the
same once more. The time runs from the start of the process to the first 201. Writes
bench/recovery.json; needs `make release` and wrk.

  bench/recovery.py [--events N] [--program FILE]
"""
import argparse
import http.client
import json
import pathlib
import shutil
import subprocess
import sys
import time

from run import BENCH, ROOT, SERVER, WEB, WORK, free_port, machine, say

BAR_S = 2.0


class Process:
    """The server on one folder, started and killed as often as need be."""

    name = 'recovery'

    def __init__(self, program, folder):
        self.port, self.folder, self.program = free_port(), folder, program
        self.url = f'http://127.0.0.1:{self.port}'

    def start(self):
        with open(WORK / 'recovery.log', 'ab') as log:
            self.process = subprocess.Popen([self.program, 'serve', '--dev', '--no-erp', '--data',
                self.folder, '--listen', f'127.0.0.1:{self.port}'], stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def status(self):
        with WEB.open(self.url + '/v1/status', timeout=10) as response:
            return json.load(response)

    def memory_mib(self):
        for line in pathlib.Path(f'/proc/{self.process.pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0


def sale(number):
    return json.dumps({'store': '9999', 'register': '01', 'business_date': '2026-11-02',
        'sequence': number, 'type': 'sale', 'closed_at': '2026-11-02T10:00:00+01:00',
        'currency': 'EUR', 'prices_include_tax': True, 'lines': [{'number': 1, 'kind': 'sale',
        'item': '20001', 'quantity': '1', 'unit_price': '1.00', 'amount': '1.00'}],
        'tenders': [{'number': 1, 'kind': 'cash', 'amount': '1.00'}],
        'totals': {'net': '1.00', 'tax': '0.00', 'gross': '1.00'}})


def first_acknowledgement(process, number):
    """Seconds from the start of the process to the first 201."""
    began = time.monotonic()
    process.start()
    while True:
        try:
            wire = http.client.HTTPConnection('127.0.0.1', process.port, timeout=10)
            wire.request('POST', '/v1/transactions', sale(number),
                {'Content-Type': 'application/json'})
            if wire.getresponse().status == 201:
                return time.monotonic() - began
        except OSError:
            if process.process.poll() is not None or time.monotonic() - began > 300:
                sys.exit('the server does not come back; see build/bench/recovery.log')
        time.sleep(0.002)


def wait_until_up(process):
    while True:
        try:
            return process.status()
        except OSError:
            time.sleep(0.02)


def fill(process, events):
    """Loads until the journal has so many, and kills the server while it is being loaded."""
    date, script = '2026-11-02', BENCH / 'ndjson.lua'
    load = None
    run = 0
    try:
        while (status := process.status())['journal']['durable_event'] < events:
            if load is None or load.poll() is not None:
                run += 1
                load = subprocess.Popen(['wrk', '-t2', '-c8', '-d20s', '--timeout', '30s', '-s',
                    script, process.url, '--', f'r{run}', date], cwd=BENCH,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05)
        process.kill()
        return status
    finally:
        if load is not None:
            load.kill()
            load.wait()


def measure(process, events):
    process.start()
    wait_until_up(process)
    say(f'filling a journal with {events} events')
    status = fill(process, events)
    result = {'machine': machine(), 'events': status['journal']['durable_event'],
        'segments': status['journal']['segments'], 'behind': status['apply']['behind']}
    say(f'killed with {result["behind"]} events that the state did not have')
    result['behind_s'] = round(first_acknowledgement(process, 1), 3)
    result['behind_memory_mib'] = process.memory_mib()
    say('the consumers catch up')
    while process.status()['apply']['behind'] > 0:
        time.sleep(0.2)
    process.kill()
    result['caught_up_s'] = round(first_acknowledgement(process, 2), 3)
    process.kill()
    return result


def main():
    parser = argparse.ArgumentParser(description='Time to the first acknowledgement after a kill.')
    parser.add_argument('--events', type=int, default=1000000)
    parser.add_argument('--program', type=pathlib.Path, default=SERVER)
    options = parser.parse_args()
    folder = WORK / 'recovery'
    shutil.rmtree(folder, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    process = Process(options.program.absolute(), folder)
    try:
        result = measure(process, options.events)
    finally:
        if process.process.poll() is None:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    (ROOT / 'bench' / 'recovery.json').write_text(json.dumps(result, indent=2) + '\n')
    print(f'{result["events"]} events, {result["behind"]} of them not in the state: '
        f'{result["behind_s"]} s to the first acknowledgement; '
        f'all in the state: {result["caught_up_s"]} s')
    return 0 if max(result['behind_s'], result['caught_up_s']) <= BAR_S else 1


if __name__ == '__main__':
    sys.exit(main())
