#!/usr/bin/env python3
"""Configured doors of a real server: a webhook that is called and a folder that is watched, killed in
the middle of a file and of a message, again and again. Nothing may be lost, nothing doubled, and what
was received must be readable afterwards.

usage: doors_test.py --program build/debug/tillbridge --work FOLDER [--kills N]

Ends with "N passed, N failed"; exit code 1 when something failed.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import signal
import time
import urllib.error
import urllib.request

import rig

RECORDS = 3000
DAY = '2026-11-23'
CONFIGURATION = '''\
listen: 127.0.0.1:{port}
data: {work}/data
segment_bytes: 256K
doors:
  shop:
    door: standard
    secret_file: {work}/secret
    store: web
  drop:
    door: folder
    folder: {work}/drop
    mapping: transactions
    rescan: 100ms
    batch: 2
  poslog:
    door: folder
    folder: {work}/poslog
    mapping: poslog-2
    time_zone: Europe/Berlin
    rescan: 100ms
  cafe:
    door: square
    secret_file: {work}/vendor
    notification_url: https://bridge.example.com/cafe
  shopify:
    door: shopify
    secret_file: {work}/vendor
    store: web-de
    time_zone: Europe/Berlin
  odoo:
    door: odoo
    secret_file: {work}/vendor
    store: S1
    currency: EUR
  erpnext:
    door: erpnext
    secret_file: {work}/vendor
    store: S2
    time_zone: Europe/Berlin
'''
VENDOR_SECRET = 'a-secret-of-all-vendors'


def sale(store, sequence):
    return {
        'store': store, 'register': '01', 'business_date': DAY, 'sequence': sequence, 'type': 'sale',
        'closed_at': f'{DAY}T12:00:00+00:00', 'currency': 'EUR', 'prices_include_tax': True,
        'lines': [{'number': 1, 'kind': 'sale', 'item': 'A1', 'quantity': '1', 'amount': '2.50'}],
        'tenders': [{'number': 1, 'kind': 'cash', 'amount': '2.50'}],
        'totals': {'net': '2.50', 'tax': '0', 'gross': '2.50'},
    }


def signature(secret, name, now, body):
    key = base64.b64decode(secret.removeprefix('whsec_'))
    return 'v1,' + base64.b64encode(hmac.digest(key, f'{name}.{now}.'.encode() + body, hashlib.sha256)).decode()


def call(server, secret, body, name='msg_1'):
    """Sends a message to the door "shop"; the status and the answer, or None when nobody answers."""
    now = int(time.time())
    fields = {'webhook-id': name, 'webhook-timestamp': str(now),
        'webhook-signature': signature(secret, name, now, body), 'Content-Type': 'application/json'}
    return post(server, 'shop', body, fields)


def post(server, name, body, fields):
    request = urllib.request.Request(f'{server.url}/v1/webhooks/{name}', data=body, headers=fields)
    try:
        with rig.WEB.open(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None


def door(server, name):
    return next(d for d in rig.get(server.url + '/v1/doors')['doors'] if d['name'] == name)


def all_keys(server):
    """Every transaction that the server lists, as often as it lists it."""
    keys, after = [], ''
    while True:
        page = rig.get(f'{server.url}/v1/transactions?limit=1000{after}')
        keys += [t['key'] for t in page['transactions']]
        if page['next'] is None:
            return keys
        after = '&after=' + urllib.request.quote(page['next'])


def raw(server, key):
    with rig.WEB.open(f'{server.url}/v1/transactions/{key}/raw', timeout=10) as answer:
        return answer.read()


def wait_until(holds, seconds=120):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def prepare(program, work):
    for name in ('drop', 'poslog'):
        (work / name).mkdir()
    secret = 'whsec_' + base64.b64encode(secrets.token_bytes(32)).decode()
    write_secrets(work, secret)
    write_secrets(work, VENDOR_SECRET, name='vendor')
    port = rig.free_port()
    path = work / 'serve.yaml'
    path.write_text(CONFIGURATION.format(port=port, work=work))
    server = rig.Server('serve', [str(program), 'serve', '--config', str(path)],
        f'http://127.0.0.1:{port}/readyz', work / 'serve.log')
    server.url = f'http://127.0.0.1:{port}'
    return server, secret


def drop_file(work, folder, name, text):
    """As a good sender does: written under another name, synced, renamed."""
    temporary = work / folder / f'{name}.tmp'
    with open(temporary, 'wb') as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(work / folder / name)


def kill_in_the_middle(claims, server, work, secret, kills):
    """Returns what the webhook's receipts were: key -> receipt."""
    receipts, killed_inside = {}, 0
    lines = b''.join(json.dumps(sale('drop', n)).encode() + b'\n' for n in range(1, RECORDS + 1))
    drop_file(work, 'drop', 'day.ndjson', lines)
    for round_number in range(kills):
        seen = door(server, 'drop')['records']
        step = RECORDS // (2 * kills)
        wait_until(lambda: door(server, 'drop')['accepted'] >= step or (work / 'drop/done/day.ndjson').exists())
        answer = call(server, secret, json.dumps(sale('web', round_number + 1)).encode())
        claims.claim(f'kill {round_number + 1}: a message is answered 200', answer is not None and answer[0] == 200)
        item = answer[1]['items'][0]
        receipts[item['key']] = item['receipt']
        server.kill()
        inside = (work / 'drop/working/day.ndjson').exists()
        killed_inside += inside
        server.start()
        claims.claim(f'kill {round_number + 1}: the server is up again, {seen} records were read before', server.running())
    claims.claim(f'{killed_inside} of {kills} kills came in the middle of the file', killed_inside > 0)
    return receipts


def test_doors(claims, server, work, secret, kills):
    receipts = kill_in_the_middle(claims, server, work, secret, kills)
    claims.claim('the file is finished', wait_until(lambda: (work / 'drop/done/day.ndjson').exists()))
    claims.claim('nothing of it failed', not list((work / 'drop/failed').iterdir()))
    for key, receipt in receipts.items():
        sequence = int(key.rsplit('/', 1)[1])
        again = call(server, secret, json.dumps(sale('web', sequence)).encode())
        claims.claim(f'a message that comes again gets the same receipt ({key})',
            again is not None and again[0] == 200 and again[1]['items'][0]['receipt'] == receipt
            and again[1]['items'][0]['duplicate'])
    rig.wait_applied(server)
    keys = all_keys(server)
    wanted = {f'drop/01/{DAY}/{n}' for n in range(1, RECORDS + 1)} | set(receipts)
    claims.claim(f'all {len(wanted)} transactions are there', set(keys) == wanted)
    claims.claim('none of them twice', len(keys) == len(set(keys)))
    moved = [s['on_hand'] for s in rig.get(server.url + '/v1/stock')['stock'] if s['location'] == 'drop']
    claims.claim(f'stock has moved once for each: {moved}', len(moved) == 1 and float(moved[0]) == -RECORDS)


def write_secrets(work, *lines, name='secret'):
    handle = os.open(work / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(handle, b''.join(line.encode() + b'\n' for line in lines))
    os.close(handle)


def accepts(server, secret):
    answer = call(server, secret, json.dumps(sale('web', 1)).encode())
    return answer is not None and answer[0] == 200


def test_rotation(claims, server, work, secret):
    """A new secret is taken up without a restart, and no message is refused on the way."""
    fresh = 'whsec_' + base64.b64encode(secrets.token_bytes(32)).decode()
    claims.claim('a secret that is not in the file is refused', not accepts(server, fresh))
    write_secrets(work, fresh, secret)
    server.process.send_signal(signal.SIGHUP)
    claims.claim('after SIGHUP the new secret is taken', wait_until(lambda: accepts(server, fresh)))
    claims.claim('and the old one still is', accepts(server, secret))
    write_secrets(work, 'nonsense')
    server.process.send_signal(signal.SIGHUP)
    claims.claim('a broken file is reported', wait_until(
        lambda: b'its old secrets stay in use' in (work / 'serve.log').read_bytes()))
    claims.claim('and changes nothing', accepts(server, fresh) and accepts(server, secret))
    write_secrets(work, fresh)
    server.process.send_signal(signal.SIGHUP)
    claims.claim('without its line the old secret is refused', wait_until(lambda: not accepts(server, secret)))
    claims.claim('and the new one is not', accepts(server, fresh))
    return fresh


def test_refusals(claims, server, work, secret):
    status, answer = call(server, 'whsec_' + base64.b64encode(bytes(32)).decode(), b'{"store": "web"')
    claims.claim('another secret is answered 401', status == 401 and answer['type'].endswith('/unauthenticated'))
    status, answer = call(server, secret, json.dumps(sale('other', 1)).encode())
    claims.claim('another store is answered 422 with its pointer', status == 422
        and answer['items'][0]['errors'][0]['pointer'] == '/store')
    before = door(server, 'drop')['refused']
    drop_file(work, 'drop', 'bad.ndjson', b'{"store": 1}\n' + json.dumps(sale('drop', 9001)).encode() + b'\n')
    claims.claim('a file with a bad record ends in failed/',
        wait_until(lambda: (work / 'drop/failed/bad.ndjson').exists()))
    problems = json.loads((work / 'drop/failed/bad.ndjson.problems.json').read_text())
    claims.claim('its report names the line, and the good record was accepted',
        problems['accepted'] == 1 and problems['problems'][0]['where'].startswith('line 1'))
    claims.claim('and is counted', door(server, 'drop')['refused'] == before + 1)


def test_raw(claims, server, work):
    source = (rig.ROOT / 'tests/doors/poslog_2.xml').read_bytes()
    drop_file(work, 'poslog', 'log.xml', source)
    claims.claim('a POSLog in a folder is finished', wait_until(lambda: any((work / 'poslog' / where / 'log.xml').exists()
        for where in ('done', 'failed'))))
    rig.wait_applied(server)
    counts = door(server, 'poslog')
    claims.claim(f'its transactions are accepted: {counts["accepted"]} of {counts["records"]}',
        counts['accepted'] > 0 and counts['refused'] == 0)
    keys = [k for k in all_keys(server) if not k.startswith(('drop/', 'web/'))]
    claims.claim('what was received of each is readable, and stands in the file',
        len(keys) == counts['accepted'] and all(raw(server, k) in source for k in keys))
    claims.claim('a canonical document is its own raw',
        json.loads(raw(server, f'drop/01/{DAY}/1')) == sale('drop', 1))


def signed(*parts):
    return base64.b64encode(hmac.digest(VENDOR_SECRET.encode(), b''.join(parts), hashlib.sha256)).decode()


ODOO_ORDER = {
    'uuid': '4a1b-0001', 'state': 'paid', 'config_id': 3, 'date_order': '2026-11-23 10:00:00',
    'amount_total': 11.9, 'amount_tax': 1.9, 'amount_return': 0,
    'lines': [[0, 0, {'product_id': 7, 'full_product_name': 'Mug', 'qty': 1, 'price_unit': 11.9,
        'price_subtotal': 10.0, 'price_subtotal_incl': 11.9, 'discount': 0, 'tax_ids': [[6, 0, [1]]]}]],
    'payment_ids': [[0, 0, {'payment_method_id': 1, 'amount': 11.9}]],
}


def test_vendors(claims, server):
    """Each vendor's document, signed as the vendor does it; then once more, and with another body."""
    samples = rig.ROOT / 'tests/doors'
    url = b'https://bridge.example.com/cafe'
    bodies = {
        'cafe': ((samples / 'square_order.json').read_bytes(),
            lambda body: {'x-square-hmacsha256-signature': signed(url, body)}),
        'shopify': ((samples / 'shopify_order.json').read_bytes(), lambda body: {
            'X-Shopify-Hmac-Sha256': signed(body), 'X-Shopify-Topic': 'orders/paid'}),
        'odoo': (json.dumps({'orders': [ODOO_ORDER]}).encode(),
            lambda body: {'Authorization': f'Bearer {VENDOR_SECRET}'}),
        'erpnext': ((samples / 'erpnext_return.json').read_bytes(),
            lambda body: {'X-Frappe-Webhook-Signature': signed(body)}),
    }
    for name, (body, prove) in bodies.items():
        status, answer = post(server, name, body, prove(body))
        claims.claim(f'{name}: a signed document is accepted: {json.dumps(answer)[:300]}',
            status == 200 and [i['status_code'] for i in answer['items']] == [201])
        again, same = post(server, name, body, prove(body))
        claims.claim(f'{name}: once more it has the same receipt', again == 200
            and [i['receipt'] for i in same['items']] == [i['receipt'] for i in answer['items']])
        proof = {k: v[:-3] + 'AA=' if v.endswith('=') else v + 'x' for k, v in prove(body).items()}
        claims.claim(f'{name}: without proof it is answered 401',
            post(server, name, body, proof)[0] == 401 and post(server, name, body, {})[0] == 401)
    status, answer = post(server, 'shopify', bodies['shopify'][0], {
        'X-Shopify-Hmac-Sha256': signed(bodies['shopify'][0]), 'X-Shopify-Topic': 'products/update'})
    claims.claim('a topic that is no sale is skipped', status == 200 and answer['skipped'] == 1)


def main():
    parser = argparse.ArgumentParser(description='Doors of a real server, killed and started again.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True)
    parser.add_argument('--kills', type=int, default=4)
    arguments = parser.parse_args()
    claims, work = rig.Claims(), rig.empty(arguments.work)
    server, secret = prepare(arguments.program, work)
    server.start()
    try:
        test_doors(claims, server, work, secret, arguments.kills)
        test_refusals(claims, server, work, secret)
        test_raw(claims, server, work)
        test_vendors(claims, server)
        fresh = test_rotation(claims, server, work, secret)
        log = (work / 'serve.log').read_bytes()
        claims.claim('no log shows a secret', secret.encode() not in log and fresh.encode() not in log)
        claims.claim('the server stops by itself when it is asked to', server.stop())
    finally:
        if server.running():
            server.kill()
    return claims.close()


if __name__ == '__main__':
    raise SystemExit(main())
