#!/usr/bin/python3
"""The auditor: what the tills were promised, what the journal holds and what the state says, side by
side. It shares no code with the product: its own reader of the journal (journal_file.py), its own
arithmetic, its own idea of when two documents say the same.

  - every transaction that was acknowledged is in the journal exactly once, with equal content
  - every conflict that was answered is kept, and a key has one content
  - nothing is in the journal that nobody sent, and nothing that was refused
  - a receipt names its event and never changes
  - an answer is about the line that it answers
  - checksums, numbers, seals and the chain of segments are right
  - the state has each event once, none beyond its checkpoint; stock is opening less sales and returns

  audit.py --log FILE ... --data FOLDER [--applied]

Prints each finding; closes with "N checked, N findings" and ends with 1 when there is one."""
import argparse
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import Decimal, InvalidOperation

from journal_file import (CONFLICT, KINDS_WITH_RECORD, TRANSACTION, Damage, Record, segments)

SHOWN = 30


class Findings:

    def __init__(self):
        self.checked, self.found = 0, []

    def check(self, holds, sentence):
        self.checked += 1
        if not holds:
            self.found.append(sentence() if callable(sentence) else sentence)
        return holds

    def close(self):
        for sentence in self.found[:SHOWN]:
            print(sentence)
        if len(self.found) > SHOWN:
            print(f'... and {len(self.found) - SHOWN} more')
        print(f'{self.checked} checked, {len(self.found)} findings')
        return 1 if self.found or not self.checked else 0


def meaning(value, name=''):
    """A document as what it says: members in any order, decimals by value, nothing for null."""
    if isinstance(value, dict):
        return tuple(sorted((key, meaning(part, key)) for key, part in value.items()
            if part is not None))
    if isinstance(value, list):
        return tuple(meaning(part, name) for part in value)
    if name in ('quantity', 'amount', 'unit_price', 'net', 'tax', 'gross', 'change', 'rate', 'base'):
        try:
            return Decimal(value).normalize() + 0
        except InvalidOperation:
            return f'not a number: {value}'
    return str(value)


def content(text):
    """(what it says, but for its customer; the customer)."""
    document = json.loads(text, parse_float=str, parse_int=str)
    customer = document.pop('customer', None)
    return meaning(document), customer


class Promises:
    """What the log of a load client says."""

    def __init__(self, paths):
        self.sent = defaultdict(list)    # key: contents
        self.accepted = defaultdict(dict)  # key: content: receipts
        self.conflicts = []              # (key, content, exception)
        self.refused = []                # (key, content)
        self.neighbours = []             # (key, answer)
        self.customers = {}              # (key, content): the customer, None without one
        for path in paths:
            self.read(path)

    def read(self, path):
        documents = {}
        with open(path, 'rb') as log:
            for line in log:
                if not line.endswith(b'\n'):
                    break
                entry = json.loads(line)
                if 'sent' in entry:
                    told, customer = content(entry['document'])
                    self.customers[entry['key'], told] = customer
                    documents[entry['sent']] = entry['key'], told
                    self.sent[entry['key']].append(told)
                else:
                    self.answer(*documents.pop(entry['answered']), entry)

    def answer(self, key, told, entry):
        status = entry['status']
        try:
            answer = json.loads(entry['answer'])
        except ValueError:
            answer = {}
        if status in (200, 201, 409) and answer.get('key') != key:
            self.neighbours.append((key, entry['answer']))
        elif status in (200, 201):
            self.accepted[key].setdefault(told, Counter())[answer.get('receipt')] += 1
        elif status == 409:
            self.conflicts.append((key, told, answer.get('exception')))
        elif 400 <= status < 500 and status not in (408, 413, 429):
            self.refused.append((key, told))


class Journal:

    def __init__(self, folder, findings):
        self.by_key, self.by_number = defaultdict(list), {}
        self.last = 0
        self.sealed = 0
        if not pathlib.Path(folder).exists():
            return  # killed before it began
        try:
            for segment in segments(folder):
                self.sealed += segment.seal is not None
                for event in segment.events:
                    self.take(event)
        except Damage as damage:
            findings.check(False, f'the journal: {damage}')

    def take(self, event):
        self.last = event.number
        if event.kind not in KINDS_WITH_RECORD:
            return
        record = Record(event.payload, event.where)
        record.number, record.kind = event.number, event.kind
        try:
            record.told, record.customer = content(record.document)
        except ValueError as error:
            raise Damage(f'{event.where}: event {event.number}: no document: {error}') from error
        self.by_key[record.key].append(record)
        self.by_number[event.number] = record


def check_accepted(promises, journal, findings):
    for key, contents in promises.accepted.items():
        kept = [r for r in journal.by_key.get(key, []) if r.kind == TRANSACTION]
        findings.check(len(kept) == 1,
            f'{key} was acknowledged and is in the journal {len(kept)} times')
        findings.check(len(contents) == 1,
            f'{key} was acknowledged with {len(contents)} different contents')
        for told, receipts in contents.items():
            findings.check(any(r.told == told for r in kept),
                f'{key} was acknowledged with content that the journal does not have')
            findings.check(len(receipts) == 1,
                lambda k=key, r=receipts: f'{k} has more than one receipt: {", ".join(map(str, r))}')
            for receipt in receipts:
                expected = [f'{r.number}-{r.hash[:16].hex()}' for r in kept]
                findings.check(receipt in expected,
                    f'{key}: receipt {receipt} does not name its event, which says {expected}')


def check_conflicts(promises, journal, findings):
    for key, told, exception in promises.conflicts:
        kept = [r for r in journal.by_key.get(key, []) if r.kind == CONFLICT and r.told == told]
        if findings.check(len(kept) == 1,
                f'{key}: the conflict that was answered is kept {len(kept)} times'):
            findings.check(exception == f'{kept[0].number}-0',
                f'{key}: exception {exception} is not that of event {kept[0].number}')


def check_nothing_invented(promises, journal, findings):
    for key, records in journal.by_key.items():
        findings.check(sum(r.kind == TRANSACTION for r in records) <= 1,
            f'{key} was accepted more than once')
        for record in records:
            findings.check(record.told in promises.sent.get(key, ()),
                f'event {record.number}, {key}, has content that nobody sent')
    for key, told in promises.refused:
        findings.check(all(r.told != told for r in journal.by_key.get(key, ())),
            f'{key} was refused and is in the journal')
    for key, answer in promises.neighbours:
        findings.check(False, f'{key} was answered with: {answer[:150]}')


def keys_of_subjects(data):
    """The subjects that have a key, from a copy."""
    with tempfile.TemporaryDirectory() as folder:
        for name in pathlib.Path(data).glob('keys/subjects.db*'):
            if not name.name.endswith('-shm'):
                shutil.copy(name, folder)
        db = sqlite3.connect(pathlib.Path(folder) / 'subjects.db')
        made = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'subject'").fetchone()
        rows = db.execute('SELECT subject FROM subject WHERE wrapped IS NOT NULL').fetchall() if made else []
        db.close()
    return {subject for subject, in rows}


def check_customers(promises, journal, data, findings):
    """Each customer has one pseudonym and nobody else has it, nothing is in clear, and whatever is sealed
    has its key, however the server ended."""
    pseudonyms, persons, keys = {}, {}, keys_of_subjects(data)
    for key, records in journal.by_key.items():
        for record in records:
            sent = promises.customers.get((key, record.told))
            where = f'event {record.number}, {key}'
            if sent is None:
                findings.check(not record.sealed and record.customer is None, f'{where}: has a customer')
                continue
            findings.check(sent.encode() not in record.payload, f'{where}: {sent} is in clear')
            findings.check(record.sealed[:16].hex() == record.customer,
                f'{where}: {record.customer} is not the subject of what is sealed')
            findings.check(record.sealed[:16] in keys, f'{where}: nobody has the key of {sent} any more')
            findings.check(pseudonyms.setdefault(sent, record.customer) == record.customer,
                f'{where}: {sent} has two pseudonyms')
            findings.check(persons.setdefault(record.customer, sent) == sent,
                f'{where}: {sent} has the pseudonym of {persons[record.customer]}')


def on_hand_of(records):
    """(store, item): quantity. Sales take away; a return has a negative quantity and so adds."""
    stock = defaultdict(Decimal)
    for record in records:
        document = json.loads(record.document)
        for line in document.get('lines', ()):
            quantity = Decimal(line['quantity'])
            place = record.store, line['item']
            if line['kind'] in ('sale', 'return'):
                stock[place] -= quantity
            elif line['kind'] == 'write_off':
                stock[place] += quantity
    return dict(stock)


def read_state(data):
    """The state, from a copy: opening a SQLite file can change it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in pathlib.Path(data).glob('state.db*'):
            if not name.name.endswith('-shm'):
                shutil.copy(name, folder)
        db = sqlite3.connect(pathlib.Path(folder) / 'state.db')
        whole = db.execute('PRAGMA integrity_check').fetchall()
        made = {name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

        def rows(table, columns):
            return db.execute(f'SELECT {columns} FROM {table}').fetchall() if table in made else []

        checkpoints = [row[0] for row in rows('checkpoint', 'event')]
        documents = sorted(rows('document', 'event, conflict, store, register, sequence'))
        stock = {(place, item): Decimal(quantity) for place, item, quantity
            in rows('on_hand', 'location, item, quantity')}
        db.close()
    return whole, checkpoints, documents, stock


def check_state(data, journal, applied, findings):
    whole, checkpoints, documents, stock = read_state(data)
    findings.check(whole == [('ok',)], f'state.db is damaged: {whole[:1]}')
    findings.check(len(set(checkpoints)) <= 1, f'the consumers stand at {set(checkpoints)}')
    checkpoint = min(checkpoints, default=0)
    findings.check(checkpoint <= journal.last,
        f'the state has event {checkpoint}, the journal ends with {journal.last}')
    if applied:
        findings.check(checkpoint == journal.last,
            f'the state stands at {checkpoint}, the journal at {journal.last}')
    expected = [r for n, r in sorted(journal.by_number.items()) if n <= checkpoint]
    findings.check([row[0] for row in documents] == [r.number for r in expected],
        f'the state has {len(documents)} documents up to event '
        f'{documents[-1][0] if documents else 0}; up to its checkpoint {checkpoint} the journal '
        f'has {len(expected)}')
    right = on_hand_of(r for r in expected if r.kind == TRANSACTION)
    for place in sorted(set(stock) | set(right)):
        findings.check(stock.get(place, 0) == right.get(place, 0),
            f'stock of {"/".join(place)} is {stock.get(place)}, expected {right.get(place)}')


def audit(logs, data, applied):
    findings = Findings()
    promises = Promises(logs)
    journal = Journal(pathlib.Path(data) / 'journal', findings)
    check_accepted(promises, journal, findings)
    check_conflicts(promises, journal, findings)
    check_nothing_invented(promises, journal, findings)
    check_customers(promises, journal, data, findings)
    check_state(data, journal, applied, findings)
    return findings, promises, journal


def main():
    parser = argparse.ArgumentParser(description='Compares promises, journal and state.')
    parser.add_argument('--log', action='append', required=True, help="a load client's log")
    parser.add_argument('--data', required=True, help="the server's data folder")
    parser.add_argument('--applied', action='store_true',
        help='the state must have everything that the journal has')
    options = parser.parse_args()
    findings, promises, journal = audit(options.log, options.data, options.applied)
    print(f'{len(promises.accepted)} keys acknowledged, {len(promises.conflicts)} conflicts, '
        f'{len(promises.refused)} refusals; {journal.last} events, {journal.sealed} seals')
    return findings.close()


if __name__ == '__main__':
    sys.exit(main())
