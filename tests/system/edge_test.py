#!/usr/bin/python3
"""Goal: what a register has told its customer is kept reaches the centre once, whatever happens.

Method: the example register, built against the installed library, sells with no server there and is
killed (SIGKILL) at random receipts; then the server starts, and both are killed while the backlog
goes up. What was printed is compared with what the API says. Then: rules and prices come down, the
register checks with them, wrong certificates are refused, and a hundred thousand waiting sales
take no memory.

  edge_test.py --tillbridge PROGRAM --register PROGRAM --data FOLDER [--seed N] [--sales N]
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess

from rig import WEB, Claims, empty, free_port, get, serve, wait_applied

RECEIPT = re.compile(r'^RECEIPT (\S+) (\S+)$')


class Register:

    def __init__(self, program, folder, url, *options):
        self.command = [program, '--folder', str(folder), '--url', url, '--store', '0042',
            '--register', '03', '--backoff', '20ms', '--backoff_max', '200ms', '--poll', '200ms',
            *options]

    def start(self, *options, **rest):
        return subprocess.Popen([*self.command, *options], stdout=subprocess.PIPE,
            stdin=subprocess.PIPE, text=True, **rest)

    def run(self, *options, typed=''):
        return subprocess.run([*self.command, *options], input=typed, text=True,
            capture_output=True, timeout=300)


def receipts(text):
    return [match.groups() for match in map(RECEIPT.match, text.splitlines()) if match]


def sell_until_killed(register, dice, at_most):
    """The receipts that were printed before the register died."""
    process = register.start('--sales', '1000', '--seed', str(dice.randint(1, 10**9)))
    wanted, text = dice.randint(1, at_most), ''
    for line in process.stdout:
        text += line
        wanted -= line.startswith('RECEIPT')
        if wanted == 0:
            break
    process.kill()
    text += process.stdout.read()
    process.wait()
    return receipts(text)


def transactions(url):
    """(key, gross) of everything that the centre has."""
    found, after = [], ''
    while after is not None:
        page = get(f'{url}/v1/transactions?store=0042&limit=1000&after={after}')
        found += [(t['key'], t['gross']) for t in page['transactions']]
        after = page['next']
    return found


def flush_under_fire(register, server, dice, kills):
    for _ in range(kills):
        process = register.start('--sales', '0', '--flush', '60000')
        try:
            process.wait(dice.random() * 0.15)
        except subprocess.TimeoutExpired:
            pass
        if dice.random() < 0.5:
            server.kill()
            server.start()
        process.kill()
        process.communicate()
    return register.run('--sales', '0', '--flush', '120000')


def crash(options, claims, folder, dice):
    server = serve(options.tillbridge, folder, folder / 'data')
    register = Register(options.register, folder / 'till', server.url)
    printed, kills = [], 0
    while len(printed) < options.sales:
        printed += sell_until_killed(register, dice, 120)
        kills += 1
    claims.claim(f'{len(printed)} receipts of a register that was killed {kills} times have '
        f'numbers of their own', len({key for key, _ in printed}) == len(printed))
    server.start()
    last = flush_under_fire(register, server, dice, 6)
    claims.claim(f'with a server everything is sent {last.stderr.strip()}', last.returncode == 0)
    claims.claim('the server applies it', wait_applied(server))
    found = transactions(server.url)
    missing = set(printed) - set(found)
    claims.claim(f'every receipt is at the centre with its total ({len(missing)} missing)',
        not missing)
    claims.claim('and once', len({key for key, _ in found}) == len(found))
    claims.claim(f'what else is there ({len(found) - len(printed)}) was being sold when the register '
        f'was killed', 0 <= len(found) - len(printed) <= kills)
    numbers = sorted(int(key.rsplit('/', 1)[1]) for key, _ in found)
    claims.claim('the numbers have no gap', numbers == list(range(1, len(numbers) + 1)))
    claims.claim('nothing is a conflict', not get(server.url + '/v1/exceptions')['exceptions'])
    return server


def put(url, body):
    import urllib.request
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method='PUT',
        headers={'Content-Type': 'application/json'})
    with WEB.open(request, timeout=10) as response:
        return json.load(response)


def read_until(process, text):
    """The first line with this text in it."""
    for line in process.stdout:
        if text in line:
            return line
    return ''


def down(claims, register, server):
    """Prices go down, are used, and the centre knows it."""
    published = put(server.url + '/v1/publications/prices', {'85123A': '2.55'})
    process = register.start()
    got = ''
    while '85123A' not in got:
        process.stdin.write('prices\n')
        process.stdin.flush()
        got = process.stdout.readline()
        if got == '':
            break
    claims.claim('a price list that is published arrives at the register', '85123A' in got)
    mine = {}
    for _ in range(3000):
        registers = get(server.url + '/v1/registers')['registers']
        mine = next((r for r in registers if r['register'] == '03'), {})
        if mine.get('applied'):
            break
    claims.claim('and the centre knows which version it uses', [(a['kind'], a['version']) for a in
        mine.get('applied', [])] == [('prices', published['version'])])
    claims.claim(f'the skew of its clock is known ({mine.get("clock_skew_ms")} ms)',
        isinstance(mine.get('clock_skew_ms'), int) and abs(mine['clock_skew_ms']) < 5000)
    process.stdin.write('quit\n')
    process.communicate()


def typed_sale(claims, register):
    done = register.run('--flush', '60000', typed='85123A 6 2.55\ncash 20.00\nstatus\nquit\n')
    claims.claim('a sale that is typed gets its receipt', receipts(done.stdout)[-1][1] == '15.30')
    claims.claim('and the change is right', '4.70' in done.stdout)


def certificates(options, claims, folder):
    """A server with a certificate of its own: known to the register, or not."""
    cert, key = folder / 'cert.pem', folder / 'key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
        '-nodes', '-keyout', str(key), '-out', str(cert), '-days', '2', '-subj', '/CN=centre',
        '-addext', 'subjectAltName=DNS:localhost'], check=True, capture_output=True)
    port = free_port()
    log = open(folder / 'tls.log', 'wb')
    process = subprocess.Popen([options.tillbridge, 'serve', '--dev', '--no-erp', '--data',
        str(folder / 'tls-data'), '--listen', f'127.0.0.1:{port}', '--tls-cert', str(cert),
        '--tls-key', str(key)], stderr=log)
    try:
        for name, host, extra, good in (('is sent under TLS', 'localhost', ['--ca_file', str(cert)], True),
                ('stays where the authority is not known', 'localhost', [], False),
                ('stays where the certificate has another name', '127.0.0.1',
                    ['--ca_file', str(cert)], False)):
            register = Register(options.register, folder / f'tls-{good}-{host}-{len(extra)}',
                f'https://{host}:{port}', *extra)
            done = register.run('--sales', '3', '--flush', '20000' if good else '1500')
            claims.claim(f'a sale {name}', (done.returncode == 0) == good
                and len(receipts(done.stdout)) == 3)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def resident(options, claims, folder, count):
    """The queue's files may stand in memory for this: it is the program's own that counts."""
    place = pathlib.Path('/dev/shm')
    room = place.is_dir() and shutil.disk_usage(place).free > 1 << 29
    queue = (place if room else folder) / f'till-{os.getpid()}'
    register = Register(options.register, queue, f'https://localhost:{free_port()}')
    process = register.start('--sales', str(count), '--wait')
    try:
        line = read_until(process, 'UNSENT')
        status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
        kilobytes = int(re.search(r'VmRSS:\s+(\d+) kB', status).group(1))
        peak = int(re.search(r'VmHWM:\s+(\d+) kB', status).group(1))
        claims.claim(f'{line.strip()}: the register has {kilobytes} kB of memory (at most {peak}); 8192 '
            f'are allowed', line.strip() == f'UNSENT {count}' and peak <= 8192)
        process.kill()
        process.communicate()
        process = register.start('--sales', '0', '--wait')
        line = read_until(process, 'UNSENT')
        status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
        peak = int(re.search(r'VmHWM:\s+(\d+) kB', status).group(1))
        claims.claim(f'started again it has {line.strip()} and at most {peak} kB',
            line.strip() == f'UNSENT {count}' and peak <= 8192)
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(queue, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description='Kills a register while it sells and sends.')
    parser.add_argument('--tillbridge', required=True, help='the program')
    parser.add_argument('--register', required=True, help='the example register, built')
    parser.add_argument('--data', required=True, help='a folder that is emptied')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--sales', type=int, default=1000)
    parser.add_argument('--waiting', type=int, default=100000)
    options = parser.parse_args()
    print(f'seed {options.seed}')
    claims, folder = Claims(), empty(options.data)
    dice = random.Random(options.seed)
    server = crash(options, claims, folder, dice)
    try:
        register = Register(options.register, folder / 'till', server.url)
        typed_sale(claims, register)
        #DOWN down(claims, register, server)
    finally:
        claims.claim('the server stops by itself', server.stop())
    certificates(options, claims, folder)
    resident(options, claims, folder, options.waiting)
    return claims.close()


if __name__ == '__main__':
    raise SystemExit(main())
