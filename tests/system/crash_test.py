#!/usr/bin/python3
"""Goal: whatever happens between till and ERP, each sale is kept once and posted once.

Method: a simulated chain is sent by `tillbridge send`, which repeats what got no answer. Meanwhile
the server is killed (SIGKILL) again and again in the middle of its work, the ERP loses answers
after saving, answers 500 after applying and throttles, and is killed once itself. Then the faults
are switched off, everything must come to rest, and the checker that shares no code with the product
compares the file that was sent with the API and with the ERP's own log.

  crash_test.py --tillbridge PROGRAM --data FOLDER [--seed N] [--kills N]
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import time
import urllib.request

from rig import HERE, WEB, Claims, Server, free_port, get

FAULTS = {'lost_answer': 0.05, 'error_after_apply': 0.05, 'throttle': 0.05}
NO_FAULTS = {name: 0 for name in FAULTS}


def set_faults(erp_url, faults):
    request = urllib.request.Request(erp_url + '/api/faults', data=json.dumps(faults).encode(),
        headers={'Content-Type': 'application/json'}, method='PUT')
    WEB.open(request, timeout=10).close()


def accepted(url):
    return get(url + '/v1/status')['intake']['accepted']


def wait_for_work(url, sender, count):
    """Until the server has accepted so many more; False when the sender has ended before."""
    target = accepted(url) + count
    while sender.poll() is None:
        if accepted(url) >= target:
            return True
        time.sleep(0.005)
    return False


def send_under_fire(options, server, erp, sales, url, dice):
    """Sends everything while servers die. (did the sender see every sale accepted, how many kills
    came while it was sending)"""
    # One day of till time in about fifteen seconds, so that the kills find work under way.
    sender = subprocess.Popen([options.tillbridge, 'send', '--to', url, '--speed', '3000',
        str(sales)])
    hits = 0
    try:
        for kill in range(options.kills):
            hits += wait_for_work(url, sender, dice.randint(10, 120))
            server.kill()
            if kill == options.kills // 2:
                erp.kill()
                erp.start()
                set_faults(erp.ready_url.rsplit('/api', 1)[0], FAULTS)
            server.start()
        return sender.wait(600) == 0, hits
    finally:
        if sender.poll() is None:
            sender.kill()
            sender.wait()


def run(options, claims):
    folder = pathlib.Path(options.data)
    folder.mkdir(parents=True)
    dice = random.Random(options.seed)
    erp_port, port = free_port(), free_port()
    erp_url, url = f'http://127.0.0.1:{erp_port}', f'http://127.0.0.1:{port}'
    erp = Server('sandbox-erp', [options.tillbridge, 'sandbox-erp', '--listen',
        f'127.0.0.1:{erp_port}', '--data', str(folder / 'erp'), '--seed', str(options.seed)],
        erp_url + '/api/summary', folder / 'erp.log')
    server = Server('serve', [options.tillbridge, 'serve', '--dev', '--data', str(folder / 'data'),
        '--listen', f'127.0.0.1:{port}', '--erp-url', erp_url], url + '/readyz',
        folder / 'serve.log')
    try:
        drive(options, claims, folder, erp, server, dice)
    finally:
        stopped = [server.stop(), erp.stop()]
    claims.claim('both servers stop by themselves when they are asked to', all(stopped))


def drive(options, claims, folder, erp, server, dice):
    url, erp_url = (s.ready_url[:s.ready_url.index('/', 8)] for s in (server, erp))
    sales = folder / 'sales.ndjson'
    subprocess.run([options.tillbridge, 'simulate', '--seed', str(options.seed), '--stores', '5',
        '--days', '1', '--sales', '150', '--output', str(sales)], check=True)
    erp.start()
    server.start()
    set_faults(erp_url, FAULTS)
    all_accepted, hits = send_under_fire(options, server, erp, sales, url, dice)
    claims.claim(f'{hits} of {options.kills} kills came while sales arrived', hits == options.kills)
    claims.claim('every sale is accepted all the same', all_accepted)
    set_faults(erp_url, NO_FAULTS)
    claims.claim('every posting comes to rest and agrees', subprocess.run([sys.executable,
        str(HERE / 'wait_agreed.py'), '--url', url, '--timeout', '300']).returncode == 0)
    summary = get(erp_url + '/api/summary')
    claims.claim(f'the ERP has {summary["documents"]} documents and no sale twice',
        summary['documents'] > 0 and summary['duplicates'] == 0
        and summary['documents'] == summary['references'])
    claims.claim('API and ERP agree with what was sent, to the last digit', subprocess.run([
        sys.executable, str(HERE.parent / 'checkers' / 'check_simulated.py'), str(sales), '--url',
        url, '--sandbox-log', str(folder / 'erp' / 'sandbox.log')]).returncode == 0)


def main():
    parser = argparse.ArgumentParser(description='Kills the server while sales arrive.')
    parser.add_argument('--tillbridge', required=True, help='the program')
    parser.add_argument('--data', required=True, help='a folder that does not exist yet')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--kills', type=int, default=8)
    options = parser.parse_args()
    print(f'seed {options.seed}')
    claims = Claims()
    try:
        run(options, claims)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        claims.claim(f'the run comes to its end ({error})', False)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
