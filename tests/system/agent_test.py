#!/usr/bin/python3
"""`tillbridge edge`, the agent: tills hand over by HTTP and as files while the centre is away; the
agent is killed; when the centre comes back, it has everything once.

  agent_test.py --program build/debug/tillbridge --work FOLDER [--kills N]

Ends with "N passed, N failed"; exit code 1 when something failed.
"""
import argparse
import json
import os
import pathlib
import time
import urllib.error
import urllib.request

import rig

DAY = '2026-11-23'


def sale(register, sequence, amount='2.50'):
    return {
        'store': 'S1', 'register': register, 'business_date': DAY, 'sequence': sequence, 'type': 'sale',
        'closed_at': f'{DAY}T12:00:00+00:00', 'currency': 'EUR', 'prices_include_tax': True,
        'lines': [{'number': 1, 'kind': 'sale', 'item': 'A1', 'quantity': '1', 'amount': amount}],
        'tenders': [{'number': 1, 'kind': 'cash', 'amount': amount}],
        'totals': {'net': amount, 'tax': '0', 'gross': amount},
    }


def call(url, body=None, kind='application/json', method=None):
    request = urllib.request.Request(url, data=body, headers={'Content-Type': kind}, method=method)
    try:
        with rig.WEB.open(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None, None


def agent(program, work, centre):
    port = rig.free_port()
    command = [str(program), 'edge', '--listen', f'127.0.0.1:{port}', '--folder', str(work / 'queue'),
        '--watch', str(work / 'drop'), '--url', centre, '--store', 'S1', '--register', 'agent',
        '--backoff', '10ms', '--backoff-max', '50ms']
    server = rig.Server('edge', command, f'http://127.0.0.1:{port}/v1/status', work / 'edge.log')
    server.url = f'http://127.0.0.1:{port}'
    return server


def drop(work, name, text):
    (work / f'{name}.tmp').write_bytes(text)
    os.rename(work / f'{name}.tmp', work / 'drop' / name)


def wait_until(holds, seconds=120):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def all_keys(server):
    keys, after = [], ''
    while True:
        page = rig.get(f'{server.url}/v1/transactions?limit=1000{after}')
        keys += [t['key'] for t in page['transactions']]
        if page['next'] is None:
            return keys
        after = '&after=' + urllib.request.quote(page['next'])


def mistakes(claims, edge):
    url = edge.url + '/v1/transactions'
    status, answer = call(url, json.dumps({**sale('01', 900), 'currency': 'EURO'}).encode())
    claims.claim('a wrong document is refused with its pointer', status == 422
        and '/currency' in [e['pointer'] for e in answer['errors']])
    status, answer = call(url, b'{"store":')
    claims.claim('what is no JSON is refused', status in (400, 422))
    claims.claim('a form is not taken', call(url, b'a=b', 'text/plain')[0] == 415)
    claims.claim('another path is told what there is', call(edge.url + '/v2')[0] == 404)
    claims.claim('no version has come down yet', call(edge.url + '/v1/publications/prices')[0] == 404)


def hand_over(claims, edge, work, kills):
    """Sales by HTTP, alone and in lines, and files, the agent killed between and within."""
    kept = set()
    url = edge.url + '/v1/transactions'
    for sequence in range(1, 41):
        status, answer = call(url, json.dumps(sale('01', sequence)).encode())
        if status == 202:
            kept.add(answer['key'])
    claims.claim('every sale is kept while nobody can be reached', len(kept) == 40)
    lines = [sale('02', n) for n in range(1, 101)]
    lines[50] = {**lines[50], 'type': 'nonsense'}
    status, answer = call(url, '\n'.join(map(json.dumps, lines)).encode(), 'application/x-ndjson')
    good = [i['key'] for i in answer['items'] if i['status_code'] == 202]
    claims.claim('of a hundred lines the one that is wrong is refused', status == 200 and len(good) == 99
        and answer['items'][50]['status_code'] == 422)
    kept.update(good)
    names = []
    for number in range(kills + 1):
        name = f'day-{number}.ndjson'
        drop(work, name, '\n'.join(json.dumps(sale('03', 1000 * number + n)) for n in range(1, 301)).encode())
        names.append(name)
        kept.update(f'S1/03/{DAY}/{1000 * number + n}' for n in range(1, 301))
        if number < kills:
            before = rig.get(edge.url + '/v1/status')['unsent']
            wait_until(lambda: rig.get(edge.url + '/v1/status')['unsent'] > before + 20 * (number + 1))
            edge.kill()
            edge.start()
    claims.claim('every file ends in done/',
        wait_until(lambda: all((work / 'drop/done' / n).exists() for n in names)))
    drop(work, 'bad.json', json.dumps({**sale('04', 1), 'currency': '?'}).encode())
    claims.claim('a file that is wrong ends in failed/ with its problem',
        wait_until(lambda: (work / 'drop/failed/bad.json').exists())
        and '/currency' in (work / 'drop/failed/bad.json.problems.json').read_text())
    return kept


def stuck_file(claims, edge, work):
    """A file that cannot be moved on is handed over once, and does not keep the agent from ending."""
    done = work / 'drop/done'
    for name in done.iterdir():
        name.unlink()
    done.rmdir()
    before = rig.get(edge.url + '/v1/status')['unsent']
    drop(work, 'stuck.ndjson', '\n'.join(json.dumps(sale('05', n)) for n in range(1, 4)).encode())
    wait_until(lambda: 'it is tried again' in (work / 'edge.log').read_text(errors='replace'))
    complaints = (work / 'edge.log').read_text(errors='replace').count('it is tried again')
    claims.claim(f'a file that cannot be moved is complained of once ({complaints})', complaints == 1)
    call(edge.url + '/v1/transactions', json.dumps(sale('05', 4)).encode())
    after = rig.get(edge.url + '/v1/status')['unsent']
    claims.claim(f'... and handed over once ({after - before} sales)', after == before + 4)
    claims.claim('... and the agent ends when it is asked to', edge.stop())
    edge.start()
    claims.claim('... and the file is moved on by the next one', wait_until(lambda: (done / 'stuck.ndjson').exists()))
    return {f'S1/05/{DAY}/{n}' for n in range(1, 5)}


def main():
    parser = argparse.ArgumentParser(description='The agent for tills that cannot embed the library.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True)
    parser.add_argument('--kills', type=int, default=3)
    options = parser.parse_args()
    claims, work = rig.Claims(), rig.empty(options.work)
    (work / 'drop').mkdir()
    centre = rig.serve(options.program, work, work / 'data')
    edge = agent(options.program, work, centre.url)
    edge.start()
    try:
        mistakes(claims, edge)
        kept = hand_over(claims, edge, work, options.kills)
        kept |= stuck_file(claims, edge, work)
        edge.kill()
        edge.start()
        claims.claim('killed again, it knows what is unsent', rig.get(edge.url + '/v1/status')['unsent'] >= len(kept))
        centre.start()
        claims.claim('when the centre is there, everything is sent',
            wait_until(lambda: rig.get(edge.url + '/v1/status')['unsent'] == 0))
        rig.wait_applied(centre)
        keys = all_keys(centre)
        claims.claim(f'the centre has all {len(kept)}, each once, and nothing else ({len(keys)})',
            sorted(keys) == sorted(kept))
        claims.claim('the agent stops by itself when it is asked to', edge.stop())
        claims.claim('so does the centre', centre.stop())
    finally:
        for server in (edge, centre):
            if server.running():
                server.kill()
    return claims.close()


if __name__ == '__main__':
    raise SystemExit(main())
