#!/usr/bin/python3
"""Goal: who bought is in no byte of the data folder, and who is forgotten stays so, whatever is restored.

Method: sales of customers are sent to a server that is killed at random among them. Then every byte of
the folder and of the server's log is searched for what identifies anybody. The stopped folder is copied
(the backup), one customer is forgotten, and all that can be put together from folder and backup by
somebody who follows docs/PRIVACY.md is started, asked, verified and rebuilt.

  privacy_test.py --program build/debug/tillbridge --work FOLDER [--seed N] [--customers N]
"""
import argparse
import base64
import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

from rig import ROOT, WEB, Claims, Ended, empty, serve, wait_applied

from journal_file import KINDS_WITH_RECORD, Record, segments

DAY = '2026-11-23'
POSLOG = ROOT / 'tests' / 'doors' / 'poslog_2.xml'


class Customer:

    def __init__(self, dice):
        mark = f'{dice.randrange(16 ** 12):012x}'
        self.number = f'cust-{mark}'
        self.details = {'name': f'Name {mark[::-1]}', 'email': f'mail.{mark}@example.org',
            'phone': f'+49{dice.randrange(10 ** 11, 10 ** 12)}', 'loyalty': f'card-{mark}',
            'address': f'{mark} Street'}

    def texts(self):
        return [self.number, *self.details.values()]


def sale(sequence, customer):
    amount = f'{sequence}.50'
    return {'store': '0042', 'register': '03', 'business_date': DAY, 'sequence': sequence,
        'type': 'sale', 'closed_at': f'{DAY}T17:03:40Z', 'currency': 'EUR',
        'lines': [{'number': 1, 'kind': 'sale', 'item': 'A', 'quantity': '1', 'amount': amount}],
        'tenders': [{'number': 1, 'kind': 'cash', 'amount': amount}],
        'totals': {'net': amount, 'tax': '0.00', 'gross': amount},
        'customer': customer.number, 'customer_details': customer.details}


def call(url, body=None):
    """(status, answer) of a GET, or of a POST of JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {'Content-Type': 'application/json'})
    try:
        with WEB.open(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def send_and_kill(server, sales, dice):
    """Sends all in order; the server is killed at once after some of the answers, among them the first
    ones, when every customer is new. {sequence: receipt}."""
    receipts, kills = {}, {0, 1, *dice.sample(range(2, len(sales)), 6)}
    server.start()
    for place, document in enumerate(sales):
        status, answer = call(server.url + '/v1/transactions', document)
        assert status == 201, (status, answer)
        receipts[document['sequence']] = answer['receipt']
        if place in kills:
            server.kill()
            server.start()
    return receipts


def clear_texts(folder, customers):
    """(file, text) wherever a file has something of a customer, as it is or in base64 or hex."""
    wanted = []
    for customer in customers:
        for text in customer.texts():
            raw = text.encode()
            wanted += [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b'=')[:-1]]
    pattern = re.compile(b'|'.join(re.escape(text) for text in wanted))
    found, files = [], 0
    for path in sorted(pathlib.Path(folder).rglob('*')):
        if path.is_file():
            files += 1
            found += [(str(path), match.group()) for match in pattern.finditer(path.read_bytes())]
    return found, files


def revealed(server, sequence):
    """(state of the subject, everything that the API tells of a sale when it is asked to)."""
    status, answer = call(f'{server.url}/v1/transactions/0042/03/{DAY}/{sequence}?reveal=customer')
    assert status == 200, (status, answer)
    return answer['personal']['state'], answer


def readable(server, sales, customers):
    """Whether each of the customers' sales tells the customer, and nothing else than them."""
    wanted = {c.number: c for c in customers}
    for document in sales:
        if document['customer'] in wanted:
            state, answer = revealed(server, document['sequence'])
            fields = answer['personal'].get('fields', {})
            if state != 'kept' or fields != {'customer': document['customer'],
                    'customer_details': document['customer_details']}:
                return False
    return True


def unreadable(server, sales, customer, states):
    for document in sales:
        if document['customer'] == customer.number:
            state, answer = revealed(server, document['sequence'])
            text = json.dumps(answer)
            if state not in states or any(part in text for part in customer.texts()):
                return False
    return True


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
        timeout=120)


def digest(program, data):
    """The digest of the state, when the journal is sound and the state is what it says."""
    done = run(program, 'verify', '--data', data)
    found = re.search(r'^state +([0-9a-f]{64})$', done.stdout, re.M)
    return found.group(1) if done.returncode == 0 and found else None


def books(server):
    assert wait_applied(server)
    return call(f'{server.url}/v1/stores/0042/days/{DAY}')[1]


def forget(program, server, customer):
    done = run(program, 'forget', '--customer-id', customer.number, '--by', 'the test',
        '--url', server.url)
    return done.returncode == 0 and done.stdout.endswith(' is forgotten\n')


def key_of(data, subject):
    """The wrapped key as the bytes of the file have it."""
    with sqlite3.connect(f'file:{data}/keys/subjects.db?mode=ro', uri=True) as db:
        return db.execute('SELECT wrapped FROM subject WHERE subject = ?',
            (bytes.fromhex(subject),)).fetchone()[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--work', required=True)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--customers', type=int, default=5)
    options = parser.parse_args()
    dice, claims = random.Random(options.seed), Claims()
    print(f'       seed {options.seed}')
    work = empty(options.work)
    customers = [Customer(dice) for _ in range(options.customers)]
    sales = [sale(n, dice.choice(customers)) for n in range(1, 10 * options.customers + 1)]
    gone, others = customers[0], customers[1:]
    server = serve(options.program, work, work / 'data')
    try:
        check_clear(claims, server, sales, customers, dice)
        check_forgotten(claims, server, sales, gone, others, options.program, work)
        check_door(claims, options.program, work, customers[:2])
    finally:
        if server.running():
            server.kill()
    return claims.close()


def starts(server):
    try:
        server.start()
    except Ended:
        return False
    return True


def check_clear(claims, server, sales, customers, dice):
    server.receipts = send_and_kill(server, sales, dice)
    claims.claim(f'{len(sales)} sales of {len(customers)} customers are acknowledged by a server that is '
        'killed 8 times', len(server.receipts) == len(sales))
    found, _ = clear_texts(server.data, customers)
    claims.claim(f'no byte of the folder of a running server tells who bought {found[:3] or ""}', not found)
    assert wait_applied(server)
    claims.claim('each acknowledged sale still tells its customer to who asks for it',
        readable(server, sales, customers))
    server.books = books(server)
    server.subject = call(server.url + '/v1/subjects/find', {'customer': customers[0].number})[1]['subject']
    claims.claim('the server stops', server.stop())
    found, files = clear_texts(server.data, customers)
    claims.claim(f'nor does any of {files} files of a stopped one {found[:3] or ""}', not found and files > 4)
    log = server.log.read_bytes()
    claims.claim('nor its log', not any(text.encode() in log for c in customers for text in c.texts()))


def check_forgotten(claims, server, sales, gone, others, program, work):
    backup = work / 'backup'
    shutil.copytree(server.data, backup)
    before = digest(program, server.data)
    wrapped = key_of(server.data, server.subject)
    server.start()
    claims.claim('a customer is forgotten', forget(program, server, gone))
    claims.claim('their sales tell nothing any more', unreadable(server, sales, gone, ('forgotten',)))
    claims.claim('those of the others do', readable(server, sales, others))
    claims.claim('the books are the same', books(server) == server.books)
    again = [document for document in sales if document['customer'] == gone.number]
    answers = [call(server.url + '/v1/transactions', document) for document in again]
    claims.claim(f'their {len(again)} sales sent again get the same receipts', all(
        (status, answer['receipt']) == (200, server.receipts[document['sequence']])
        for document, (status, answer) in zip(again, answers)))
    status, _ = call(server.url + '/v1/transactions', sale(len(sales) + 1, gone))
    found, _ = clear_texts(server.data, [gone])
    claims.claim(f'a new sale of theirs is taken, without them {found[:3] or ""}', status == 201 and not found)
    server.stop()
    parts = [wrapped[at:at + 10] for at in range(0, len(wrapped) - 9, 10)]
    claims.claim('no file has their key, or a part of it', not any(part in path.read_bytes()
        for path in server.data.rglob('*') if path.is_file() for part in parts))
    claims.claim('verify finds journal and state sound', digest(program, server.data) is not None)
    new = work / 'new.key'
    done = run(program, 'keys', 'rotate', '--data', server.data, '--new-key-file', new)
    claims.claim('the master key is changed', done.returncode == 0 and new.stat().st_mode & 0o777 == 0o600)
    shutil.copytree(server.data, work / 'rotated')
    rotated = serve(program, work, work / 'rotated')
    claims.claim('the old one opens nothing any more', not starts(rotated))
    (work / 'rotated' / 'keys' / 'master.key').unlink()
    rotated.command += ['--master-key-file', str(new)]
    claims.claim('the new one opens everything', starts(rotated) and readable(rotated, sales, others)
        and unreadable(rotated, sales, gone, ('forgotten',)))
    rotated.stop()
    run(program, 'keys', 'rotate', '--data', server.data, '--master-key-file', new, '--new-key-file',
        server.data / 'keys' / 'master.key')
    check_restored(claims, server, sales, gone, others, program, backup, before)


def check_restored(claims, server, sales, gone, others, program, backup, before):
    claims.claim('the backup of before is sound, and its digest is the same as then',
        before is not None and digest(program, backup) == before)
    # The keys come back from before the forgetting: the journal knows better.
    shutil.copy(backup / 'keys' / 'subjects.db', server.data / 'keys' / 'subjects.db')
    server.start()
    claims.claim('keys that are put back are forgotten again',
        unreadable(server, sales, gone, ('forgotten',)) and readable(server, sales, others))
    server.stop()
    # The journal comes back from before the forgetting: the keys know better.
    for name in ('journal', 'state.db'):
        path = server.data / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in server.data.glob('state.db-*'):
        path.unlink()
    shutil.copytree(backup / 'journal', server.data / 'journal')
    done = run(program, 'rebuild', '--data', server.data)
    claims.claim('the state of a journal from before is rebuilt, as it was',
        done.returncode == 0 and digest(program, server.data) == before)
    server.start()
    claims.claim('it tells nothing of who is forgotten, in spite of its age',
        unreadable(server, sales, gone, ('forgotten',)) and readable(server, sales, others))
    claims.claim('and has the same books', books(server) == server.books)
    server.stop()
    # The journal alone, as its backup has it.
    shutil.rmtree(server.data / 'keys')
    claims.claim('without any keys the server does not start unless it is told to', not starts(server))
    server.command += ['--keys-lost']
    server.start()
    claims.claim('then it tells nothing of anybody', all(
        unreadable(server, sales, customer, ('unknown',)) for customer in [gone, *others]))
    claims.claim('and has the same books, still', books(server) == server.books)
    server.stop()
    claims.claim('and verify finds it sound', digest(program, server.data) is not None)


def check_door(claims, program, work, customers):
    """A POSLog whose every transaction names a customer, voided ones too, through a watched folder."""
    first, second = customers
    people = f'<Customer><CustomerID>{first.number}</CustomerID><Name>{first.details["name"]}</Name></Customer>'
    nameless = f'<Customer><Name>{second.details["name"]}</Name></Customer>'
    text = POSLOG.read_text(encoding='utf-8')
    count = text.count('</RetailTransaction>')
    half = text.index('</RetailTransaction>', len(text) // 2)
    text = (text[:half].replace('</RetailTransaction>', people + '</RetailTransaction>')
        + text[half:].replace('</RetailTransaction>', nameless + '</RetailTransaction>'))
    server = serve(program, work, work / 'door')
    config = work / 'door.yaml'
    config.write_text('doors:\n  drop:\n    door: folder\n    mapping: poslog-2\n'
        f'    folder: {work / "drop"}\n    time_zone: Europe/Berlin\n    rescan: 100ms\n')
    (work / 'drop').mkdir()
    (work / 'drop' / 'day.tmp').write_text(text, encoding='utf-8')
    (work / 'drop' / 'day.tmp').rename(work / 'drop' / 'day.xml')
    server.command = [w for w in server.command if w not in ('--dev', '--no-erp')] + ['--config', str(config)]
    try:
        server.start()
        until = time.monotonic() + 60
        while not (work / 'drop' / 'done' / 'day.xml').exists() and time.monotonic() < until:
            time.sleep(0.05)
        applied = (work / 'drop' / 'done' / 'day.xml').exists() and wait_applied(server)
        records = [Record(event.payload, event.where) for segment in segments(server.data / 'journal')
            for event in segment.events if event.kind in KINDS_WITH_RECORD]
        sealed = sum(bool(record.sealed) for record in records)
        claims.claim(f'of {len(records)} transactions of a POSLog the {count} with a customer are sealed',
            applied and sealed == count > 4)
        subject = call(server.url + '/v1/subjects/find', {'customer': first.number})
        claims.claim('their subject is known', subject[0] == 200)
        server.stop()
        found, files = clear_texts(server.data, customers)
        claims.claim(f'nothing in {files} files tells who they were {found[:3] or ""}', not found)
    finally:
        if server.running():
            server.kill()


if __name__ == '__main__':
    raise SystemExit(main())
