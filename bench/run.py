#!/usr/bin/python3
"""Measures durable intake and puts it beside what the disk allows and what a user would write.

All in one run on one machine, because only ratios travel: bench/limit (the same bytes, appended and
synced, no HTTP), bench/peers (Node.js and better-sqlite3, the same durable write set a request),
and tillbridge with single sales at 64 and 256 connections and a hundred sales a request at 16, by
wrk with the same scripts. Then how fast the consumers apply what was accepted.

Writes bench/results.json and prints a table. bench/run.sh builds what this needs.
"""
import argparse
import datetime
import json
import mmap
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / 'bench'
WORK = ROOT / 'build' / 'bench'
SERVER = ROOT / 'build' / 'release' / 'tillbridge'
LIMIT = ROOT / 'build' / 'release' / 'bench' / 'limit'
DECODE = ROOT / 'build' / 'release' / 'bench' / 'bench-decode'
RECORD_BYTES = 1280     # a sale of bench/sale.lua and its record header
TICKS = os.sysconf('SC_CLK_TCK')
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """A server under test: its own folder, stopped by its pid at the end."""

    def __init__(self, name, command, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.name = name
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.log = WORK / f'{name}.log'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command(self.port), stdout=log, stderr=log, cwd=BENCH)

    def __enter__(self):
        until = time.monotonic() + 30
        while True:
            try:
                WEB.open(self.url + '/readyz', timeout=2).close()
                return self
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.__exit__()
                    sys.exit(f'{self.name} did not become ready ({error}):\n'
                        + self.log.read_text(errors='replace')[-2000:])
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def status(self):
        with WEB.open(self.url + '/v1/status', timeout=10) as response:
            return json.load(response)

    def cpu_s(self):
        text = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text()
        fields = text.rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mib(self):
        """The most it ever had, in memory."""
        for line in pathlib.Path(f'/proc/{self.process.pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0


def tillbridge(name):
    folder = WORK / name
    return Server(name, lambda port: [SERVER, 'serve', '--dev', '--data', folder / 'data',
        '--listen', f'127.0.0.1:{port}', '--no-erp'], folder)


def peer():
    folder = WORK / 'peer'
    return Server('peer', lambda port: ['node', BENCH / 'peers' / 'server.mjs', folder / 'sales.db',
        str(port)], folder)


def wrk(server, script, connections, seconds, run):
    date = datetime.date.today().isoformat()
    threads = min(2, os.cpu_count() or 1)
    out = subprocess.run(['wrk', f'-t{threads}', f'-c{connections}', f'-d{seconds}s', '--timeout',
        '30s', '-s', script, server.url, '--', run, date], cwd=BENCH, check=True,
        capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def load(server, script, connections, seconds, per_request=1):
    """Warms up, measures, and asks the server itself what it accepted."""
    wrk(server, script, connections, 3, 'warm')
    known = server.name != 'peer'
    before, cpu_before = server.status()['intake'] if known else None, server.cpu_s()
    result = wrk(server, script, connections, seconds, 'run')
    cpu = server.cpu_s() - cpu_before
    sales = result['requests'] * per_request
    if known:
        after = server.status()['intake']
        sales = after['accepted'] - before['accepted']
        result['duplicates'] = after['duplicates'] - before['duplicates']
        result['refused'] = after['refused'] - before['refused']
    result.update(connections=connections, sales=sales,
        sales_per_second=round(sales / result['seconds']),
        cpu_us_per_sale=round(cpu / sales * 1e6, 1) if sales else None,
        memory_mib=server.memory_mib())
    return result


def catch_up(server):
    """Waits until the consumers have applied every durable event; gives the seconds it took."""
    began = time.monotonic()
    while server.status()['apply']['behind'] > 0:
        if time.monotonic() - began > 900:
            sys.exit(f'{server.name}: the consumers did not catch up within 15 minutes')
        time.sleep(0.1)
    return time.monotonic() - began


def consumers(seconds):
    """Their rate while NDJSON comes in as fast as it can, and then alone."""
    with tillbridge('consumers') as server:
        before, began, cpu = server.status()['apply']['event'], time.monotonic(), server.cpu_s()
        wrk(server, 'ndjson.lua', 4, seconds, 'run')
        under_load_s = time.monotonic() - began
        at_end = server.status()
        behind = at_end['apply']['behind']
        alone_s = catch_up(server)
        applied = server.status()['apply']['event'] - before
        return {
            'events': applied,
            'under_load_per_second': round((at_end['apply']['event'] - before) / under_load_s),
            'behind_at_end_of_load': behind,
            'catch_up_seconds': round(alone_s, 2),
            'alone_per_second': round(behind / alone_s) if alone_s > 0.5 else None,
            'sustained_per_second': round(applied / (under_load_s + alone_s)),
            'cpu_us_per_sale': round((server.cpu_s() - cpu) / max(1, applied) * 1e6, 1),
            'memory_mib': server.memory_mib(),
        }


def limit(group, seconds):
    out = subprocess.run([LIMIT, WORK, str(RECORD_BYTES), str(group), str(seconds)], check=True,
        capture_output=True, text=True).stdout
    return json.loads(out)


def decode(seconds):
    """Sales a second of one core's user time: our decoder and rules, and JSON libraries' trees."""
    out = subprocess.run([DECODE, '--json', str(seconds)], check=True, capture_output=True,
        text=True).stdout
    return json.loads(out)


def machine():
    cpu = next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo')
        if line.startswith('model name')), platform.machine())
    memory_kib = int(open('/proc/meminfo').readline().split()[1])
    disk = subprocess.run(['stat', '-f', '-c', '%T', str(WORK)], capture_output=True, text=True)
    commit = subprocess.run(['git', 'describe', '--always', '--dirty'], cwd=ROOT,
        capture_output=True, text=True)
    node = subprocess.run(['node', '--version'], capture_output=True, text=True)
    return {'cpu': cpu, 'cores': os.cpu_count(), 'memory_gib': round(memory_kib / 1048576, 1),
        'kernel': platform.release(), 'file_system': disk.stdout.strip(),
        'commit': commit.stdout.strip(), 'load_before': os.getloadavg()[0],
        'node': node.stdout.strip(),
        'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')}


def warm_memory():
    """Touches most of the free memory once. In a virtual machine a page that was never used costs
    its host's fault, about 9 us, and whoever is measured first would pay for all."""
    available = next(int(line.split()[1]) for line in open('/proc/meminfo')
        if line.startswith('MemAvailable')) * 1024
    with mmap.mmap(-1, available * 6 // 10) as memory:
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1


def measure(seconds):
    results = {'machine': machine(), 'record_bytes': RECORD_BYTES, 'seconds': seconds}
    say('touching the memory once')
    warm_memory()
    say('limit of the disk')
    results['limit'] = {f'group_{group}': limit(group, min(seconds, 5))
        for group in (64, 256, 1600)}
    say('decoder and rules, jansson, simdjson')
    results['decode'] = decode(min(seconds, 5))
    for connections in (64, 256):
        say(f'peer: Node.js and better-sqlite3, {connections} connections')
        with peer() as server:
            results[f'peer_{connections}'] = load(server, 'single.lua', connections, seconds)
    for name, script, connections, lines in (('single_64', 'single.lua', 64, 1),
            ('single_256', 'single.lua', 256, 1), ('ndjson_16', 'ndjson.lua', 16, 100)):
        say(f'tillbridge: {script}, {connections} connections')
        with tillbridge(name) as server:
            results[name] = load(server, script, connections, seconds, lines)
        shutil.rmtree(WORK / name, ignore_errors=True)
    say('tillbridge: the consumers')
    results['consumers'] = consumers(seconds)
    shutil.rmtree(WORK / 'consumers', ignore_errors=True)
    return results


def say(text):
    print(f'  {text} ...', file=sys.stderr, flush=True)


def expectations(r):
    """(what, measured, expected, met) as the issue states them."""
    ratio = max(r[f'single_{n}']['sales_per_second'] /
        max(1, r[f'peer_{n}']['sales_per_second']) for n in (64, 256))
    memory = max(r[name]['memory_mib'] for name in ('single_64', 'single_256', 'ndjson_16',
        'consumers'))
    single = max(r['single_64']['sales_per_second'], r['single_256']['sales_per_second'])
    return [
        ('singles against the peer', f'{ratio:.1f} times', '>= 20 times', ratio >= 20),
        ('singles', f'{single:,}/s', '>= 30,000/s', single >= 30000),
        ('NDJSON x 100', f'{r["ndjson_16"]["sales_per_second"]:,}/s', '>= 100,000/s',
            r['ndjson_16']['sales_per_second'] >= 100000),
        ('p99 at 64 connections', f'{r["single_64"]["p99_ms"]:.1f} ms', '<= 20 ms',
            r['single_64']['p99_ms'] <= 20),
        ('memory', f'{memory:.0f} MiB', '<= 200 MB', memory * 1.048576 <= 200),
        ('decoder and rules, a core', f'{r["decode"]["rules"]:,}/s', '>= 400,000/s',
            r['decode']['rules'] >= 400000),
        ('consumers, sustained', f'{r["consumers"]["sustained_per_second"]:,}/s', '>= 10,000/s',
            r['consumers']['sustained_per_second'] >= 10000),
    ]


def table(r):
    peer_rate = max(1, r['peer_64']['sales_per_second'])
    if r['machine']['load_before'] > 0.5:
        print(f'\nThe machine was not idle (load {r["machine"]["load_before"]:.1f}): '
            'not for the record.')
    print(f'\n{"":34}{"sales/s":>10}{"x peer":>8}{"of limit":>10}{"p50 ms":>8}{"p99 ms":>8}'
        f'{"us CPU":>8}{"MiB":>6}')
    for group, row in r['limit'].items():
        name = f'disk alone, groups of {group.removeprefix("group_")}'
        print(f'{name:34}{row["records_per_second"]:>10,.0f}')
    for name, label, group in (('peer_64', 'Node.js + better-sqlite3, 64', 64),
            ('peer_256', 'Node.js + better-sqlite3, 256', 256),
            ('single_64', 'tillbridge, singles, 64', 64),
            ('single_256', 'tillbridge, singles, 256', 256),
            ('ndjson_16', 'tillbridge, NDJSON x 100, 16', 1600)):
        row = r[name]
        part = row['sales_per_second'] / r['limit'][f'group_{group}']['records_per_second']
        print(f'{label:34}{row["sales_per_second"]:>10,}{row["sales_per_second"] / peer_rate:>8.1f}'
            f'{part:>10.1%}{row["p50_ms"]:>8.2f}{row["p99_ms"]:>8.2f}'
            f'{row["cpu_us_per_sale"] or 0:>8.1f}{row["memory_mib"]:>6.0f}')
        if row['not_2xx'] or row['broken'] or row.get('duplicates') or row.get('refused'):
            print(f'{"":34}  {row["not_2xx"]} answers were not 2xx, {row["broken"]} connections '
                f'broke, {row.get("duplicates", 0)} duplicates, {row.get("refused", 0)} refused')
    d = r['decode']
    print(f'\ndecoder and rules on one core: {d["rules"]:,}/s ({d["rules"] / d["jansson"]:.1f} x '
        f'jansson\'s tree' + (f', {d["rules"] / d["simdjson"]:.2f} x simdjson\'s' if 'simdjson' in d
        else '') + f'); with rules of the user {d["configured"]:,}/s, with the hash {d["hash"]:,}/s')
    c = r['consumers']
    print(f'\nconsumers: {c["under_load_per_second"]:,}/s beside the intake, '
        f'{c["sustained_per_second"]:,}/s over all; {c["behind_at_end_of_load"]:,} events behind '
        f'at the end of the load, {c["catch_up_seconds"]} s to catch up\n')
    for what, found, expected, met in expectations(r):
        print(f'  {"met   " if met else "MISSED"} {what}: {found} (expected {expected})')


def main():
    parser = argparse.ArgumentParser(description='Measures durable intake.')
    parser.add_argument('--seconds', type=int, default=10, help='a measurement (default 10)')
    parser.add_argument('--output', default=str(BENCH / 'results.json'))
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    results = measure(options.seconds)
    results['expectations'] = [dict(zip(('what', 'found', 'expected', 'met'), row))
        for row in expectations(results)]
    pathlib.Path(options.output).write_text(json.dumps(results, indent=2) + '\n')
    table(results)


if __name__ == '__main__':
    main()
