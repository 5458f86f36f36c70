#!/usr/bin/python3
"""Holds a server, and the sandbox ERP behind it, against a file of transactions that was sent.

  check_simulated.py FILE.ndjson [--url URL] [--sandbox-log FILE] [--limit N]

The first content of a key wins, as it must. Everything is added up again by code that tillbridge
does not share: counts, missing numbers, units on hand, totals, tenders and taxes of each store and
day by currency; each key that is to be posted must be in the ERP exactly once. Prints each
difference (the first 20) and "N compared, N different"; exit 1 on any.
"""
import argparse
import json
import sys
from collections import Counter, defaultdict
from decimal import Decimal

from checking import (Comparison, add_limit, read_days, read_documents, read_stock, read_stores,
    units)

POSTED = ('sale', 'return', 'exchange', 'adjustment')
WITH_EFFECT = POSTED + ('paid_in', 'paid_out', 'pickup', 'loan')
ZERO = Decimal(0)


def key_of(transaction):
    return '/'.join((transaction['store'], transaction['register'], transaction['business_date'],
        str(transaction['sequence'])))


def read_transactions(path):
    """key: transaction, in the order of the file; the first content of a key stays."""
    transactions = {}
    with open(path, encoding='utf-8') as file:
        for line in file:
            if line.strip():
                transaction = json.loads(line)
                transactions.setdefault(key_of(transaction), transaction)
    return transactions


def stock_of(transactions):
    stock = defaultdict(Decimal)
    for t in transactions:
        for line in t.get('lines', ()) if t['type'] in WITH_EFFECT else ():
            if line['kind'] in ('sale', 'return'):
                stock[t['store'], line['item']] -= Decimal(line['quantity'])
            elif line['kind'] == 'write_off':
                stock[t['store'], line['item']] += Decimal(line['quantity'])
    return dict(stock)


class Sums:
    """What the days of the stores come to."""

    def __init__(self, transactions):
        self.counts = Counter()
        self.lines = Counter()
        self.numbers = defaultdict(list)
        self.totals = defaultdict(Decimal)
        self.tenders = defaultdict(Decimal)
        self.taxes = defaultdict(Decimal)
        for t in transactions:
            self.add(t)

    def add(self, t):
        day = t['store'], t['business_date']
        self.counts[day] += 1
        self.lines[day] += len(t.get('lines', ()))
        self.numbers[day + (t['register'],)].append(t['sequence'])
        if t['type'] not in WITH_EFFECT:
            return
        currency = t.get('currency')
        for name in ('net', 'tax', 'gross', 'rounding'):
            self.totals[day + (currency, name)] += Decimal(t.get('totals', {}).get(name, 0))
        for tender in t.get('tenders', ()):
            self.tenders[day + (tender['kind'], currency)] += Decimal(tender['amount'])
            self.tenders[day + ('cash', currency)] -= Decimal(tender.get('change', 0))
        for line in t.get('lines', ()):
            for tax in line.get('taxes', ()):
                name = day + (tax['code'], Decimal(tax['rate']).normalize(), currency)
                self.taxes[name + ('base',)] += Decimal(tax['base'])
                self.taxes[name + ('amount',)] += Decimal(tax['amount'])

    def missing(self):
        missing = Counter()
        for (store, date, _), numbers in self.numbers.items():
            missing[store, date] += max(numbers) - min(numbers) + 1 - len(numbers)
        return missing


def flat(days, name, keys, values):
    """The rows of one list in all days, as (store, date, keys ..., value's name): value."""
    rows = {}
    for day, content in days.items():
        for row in content[name]:
            key = day + tuple(Decimal(row[k]).normalize() if k == 'rate' else row[k] for k in keys)
            for value in values:
                rows[key + ((value,) if len(values) > 1 else ())] = Decimal(row[value])
    return rows


def compare_days(comparison, days, sums):
    comparison.tables('transactions', {k: d['transactions'] for k, d in days.items()}, sums.counts,
        0)
    comparison.tables('lines', {k: d['lines'] for k, d in days.items()}, sums.lines, 0)
    comparison.tables('missing', {k: d['missing'] for k, d in days.items()}, sums.missing(), 0)
    comparison.tables('totals', flat(days, 'totals', ('currency',),
        ('net', 'tax', 'gross', 'rounding')), sums.totals, ZERO)
    comparison.tables('tenders', flat(days, 'tenders', ('kind', 'currency'), ('amount',)),
        sums.tenders, ZERO)
    comparison.tables('taxes', flat(days, 'taxes', ('code', 'rate', 'currency'),
        ('base', 'amount')), sums.taxes, ZERO)


def compare_stores(comparison, stores, transactions):
    counts = Counter(t['store'] for t in transactions)
    lines = Counter()
    returns = Counter()
    for t in transactions:
        lines[t['store']] += len(t.get('lines', ()))
        returns[t['store']] += t['type'] == 'return'
    comparison.tables('transactions of', {s: row['transactions'] for s, row in stores.items()},
        counts, 0)
    comparison.tables('lines of', {s: row['lines'] for s, row in stores.items()}, lines, 0)
    comparison.tables('returns of', {s: row['returns'] for s, row in stores.items()}, returns, 0)


def compare_document(comparison, key, document, t):
    totals = t.get('totals', {})
    for theirs, ours in (('net', 'net'), ('tax', 'tax'), ('total', 'gross')):
        comparison.same(f'{theirs} of {key}', Decimal(document[theirs]),
            Decimal(totals.get(ours, 0)))
    comparison.same(f'warehouse, date and currency of {key}',
        (document['warehouse'], document['date'], document['currency']),
        (t['store'], t['business_date'], t['currency']))
    comparison.same(f'units of {key}', units(document['lines']), units(t['lines']))


def compare_documents(comparison, documents, transactions):
    posted = {key: t for key, t in transactions.items() if t['type'] in POSTED}
    for key, t in posted.items():
        copies = documents.get(key, [])
        comparison.same(f'documents of {key}', len(copies), 1)
        for document in copies[:1]:
            compare_document(comparison, key, document, t)
    comparison.same('documents of no transaction', sorted(set(documents) - set(posted))[:3], [])


def main():
    parser = argparse.ArgumentParser(description='Compares with a file of transactions.')
    parser.add_argument('file', help='the transactions (NDJSON)')
    add_limit(parser)
    options = parser.parse_args()
    transactions = read_transactions(options.file)
    everything = list(transactions.values())
    types = Counter(t['type'] for t in everything)
    print(f'{len(everything)} transactions: '
        + ', '.join(f'{count} {name}' for name, count in sorted(types.items())))
    comparison = Comparison()
    if options.url is not None:
        stores = read_stores(options.url, options.limit)
        compare_stores(comparison, stores, everything)
        comparison.tables('units on hand', read_stock(options.url, options.limit),
            stock_of(everything), ZERO)
        compare_days(comparison, read_days(options.url, stores, options.limit), Sums(everything))
    if options.sandbox_log is not None:
        compare_documents(comparison, read_documents(options.sandbox_log), transactions)
    return comparison.close()


if __name__ == '__main__':
    sys.exit(main())
