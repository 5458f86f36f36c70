#!/usr/bin/python3
"""Holds a server, and the sandbox ERP behind it, against the Online Retail data set.

  check_uci.py FILE.csv[.zst] [--days N] [--url URL] [--sandbox-log FILE] [--limit N]

Everything is computed again from the CSV, by code that tillbridge does not share: transactions by
type and lines, net value, units on hand per item and store, revenue per store and day. With --url
the answers of the API are compared, with --sandbox-log the documents in the ERP; without either
only the figures are printed. Prints each difference (the first 20) and "N compared, N different";
exit 1 on any.
"""
import argparse
import csv
import io
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal

from checking import (Comparison, add_limit, read_days, read_documents, read_stock, read_stores,
    units)

FEES = {'POST', 'DOT', 'M', 'm', 'C2', 'D', 'S', 'B', 'BANK CHARGES', 'AMAZONFEE', 'CRUK'}


class Invoice:
    def __init__(self, number, country, place):
        self.number = number
        self.country = country
        self.place = place
        self.rows = []  # (item, quantity, price)
        self.times = []

    def finish(self):
        self.first = min(self.times)
        self.date = self.first[:10]
        self.store = ''.join(c if c.isascii() and c.isalnum() else '-'
            for c in self.country.lower())
        self.net = sum((quantity * price for _, quantity, price in self.rows), Decimal(0))
        written_off = all(quantity < 0 and price == 0 for _, quantity, price in self.rows)
        if self.number.startswith('C'):
            self.type = 'return'
        elif self.number.startswith('A') or written_off:
            self.type = 'adjustment'
        else:
            self.type = 'sale'
        self.lines = [{'item': item, 'quantity': quantity, 'amount': quantity * price,
            'kind': self.kind(item)} for item, quantity, price in self.rows]

    def kind(self, item):
        if self.number.startswith('A'):
            return 'adjustment'
        if item in FEES:
            return 'fee'
        if item.startswith('gift_'):
            return 'gift_card'
        return {'return': 'return', 'adjustment': 'write_off', 'sale': 'sale'}[self.type]


def read_text(path):
    if path.endswith('.zst'):
        return subprocess.run(['zstd', '-dcq', path], stdout=subprocess.PIPE, check=True).stdout
    with open(path, 'rb') as file:
        return file.read()


def read_invoices(path):
    """All invoices, in the order of their first time stamps, with their keys."""
    invoices = {}
    text = io.TextIOWrapper(io.BytesIO(read_text(path)), encoding='utf-8', newline='')
    for row in csv.DictReader(text):
        number = row['InvoiceNo']
        if number not in invoices:
            invoices[number] = Invoice(number, row['Country'], len(invoices))
        invoice = invoices[number]
        invoice.rows.append((row['StockCode'], Decimal(row['Quantity']),
            Decimal(row['UnitPrice'])))
        invoice.times.append(row['InvoiceDate'])
    for invoice in invoices.values():
        invoice.finish()
    return sorted(invoices.values(), key=lambda i: (i.first, i.place))


def give_keys(invoices):
    in_minute = Counter()
    sequences = Counter()
    for invoice in invoices:
        minute = invoice.store, invoice.first[:16]
        in_minute[minute] += 1
        register = f'{in_minute[minute]:02d}'
        sequences[invoice.store, register] += 1
        invoice.key = '/'.join((invoice.store, register, invoice.date,
            str(sequences[invoice.store, register])))


def first_days(invoices, days):
    dates = sorted({invoice.date for invoice in invoices})
    wanted = set(dates[:days] if days else dates)
    return [invoice for invoice in invoices if invoice.date in wanted]


def stock_of(invoices):
    stock = defaultdict(Decimal)
    for invoice in invoices:
        for line in invoice.lines:
            if line['kind'] in ('sale', 'return'):
                stock[invoice.store, line['item']] -= line['quantity']
            elif line['kind'] == 'write_off':
                stock[invoice.store, line['item']] += line['quantity']
    return dict(stock)


def compare_stores(comparison, found, invoices):
    expected = defaultdict(Counter)
    net = defaultdict(Decimal)
    for invoice in invoices:
        expected[invoice.store]['transactions'] += 1
        expected[invoice.store]['lines'] += len(invoice.lines)
        expected[invoice.store]['returns'] += invoice.type == 'return'
        net[invoice.store] += invoice.net
    comparison.tables('transactions of', {s: row['transactions'] for s, row in found.items()},
        {s: row['transactions'] for s, row in expected.items()}, 0)
    comparison.tables('lines of', {s: row['lines'] for s, row in found.items()},
        {s: row['lines'] for s, row in expected.items()}, 0)
    comparison.tables('returns of', {s: row['returns'] for s, row in found.items()},
        {s: row['returns'] for s, row in expected.items()}, 0)
    comparison.tables('net value of', {s: Decimal(row['net']) for s, row in found.items()}, net,
        Decimal(0))
    comparison.same('net value of all', sum(Decimal(row['net']) for row in found.values()),
        sum(net.values()))


def compare_days(comparison, found, invoices):
    revenue = defaultdict(Decimal)
    counts = Counter()
    lines = Counter()
    for invoice in invoices:
        day = invoice.store, invoice.date
        revenue[day] += invoice.net
        counts[day] += 1
        lines[day] += len(invoice.lines)

    def total(day, name):
        return sum((Decimal(t[name]) for t in day['totals'] if t['currency'] == 'GBP'), Decimal(0))

    comparison.tables('revenue', {k: total(d, 'net') for k, d in found.items()}, revenue,
        Decimal(0))
    comparison.tables('gross', {k: total(d, 'gross') for k, d in found.items()}, revenue,
        Decimal(0))
    comparison.tables('tenders', {k: sum((Decimal(t['amount']) for t in d['tenders']), Decimal(0))
        for k, d in found.items()}, revenue, Decimal(0))
    comparison.tables('transactions', {k: d['transactions'] for k, d in found.items()}, counts, 0)
    comparison.tables('lines', {k: d['lines'] for k, d in found.items()}, lines, 0)
    comparison.tables('missing', {k: d['missing'] for k, d in found.items()}, {k: 0 for k in counts},
        0)


def compare_documents(comparison, documents, invoices):
    for invoice in invoices:
        copies = documents.get(invoice.key, [])
        comparison.same(f'documents of {invoice.key}', len(copies), 1)
        for document in copies[:1]:
            comparison.same(f'total of {invoice.key}', Decimal(document['total']), invoice.net)
            comparison.same(f'warehouse and date of {invoice.key}',
                (document['warehouse'], document['date'], document['currency']),
                (invoice.store, invoice.date, 'GBP'))
            comparison.same(f'lines of {invoice.key}', len(document['lines']), len(invoice.lines))
            comparison.same(f'units of {invoice.key}', units(document['lines']),
                units(invoice.lines))
    strangers = set(documents) - {invoice.key for invoice in invoices}
    comparison.same('documents of no invoice', sorted(strangers)[:3], [])


def print_figures(invoices):
    types = Counter(invoice.type for invoice in invoices)
    lines = sum(len(invoice.lines) for invoice in invoices)
    net = sum((invoice.net for invoice in invoices), Decimal(0))
    print(f'{len(invoices)} transactions ({types["sale"]} sales, {types["return"]} returns, '
        f'{types["adjustment"]} adjustments), {lines} lines, net {net} GBP')


def main():
    parser = argparse.ArgumentParser(description='Compares with the Online Retail data set.')
    parser.add_argument('file', help='the data set (CSV, may be compressed with zstd)')
    parser.add_argument('--days', type=int, default=0, help='only the first business days')
    add_limit(parser)
    options = parser.parse_args()
    invoices = read_invoices(options.file)
    give_keys(invoices)
    invoices = first_days(invoices, options.days)
    print_figures(invoices)
    if options.url is None and options.sandbox_log is None:
        return 0
    comparison = Comparison()
    if options.url is not None:
        stores = read_stores(options.url, options.limit)
        compare_stores(comparison, stores, invoices)
        comparison.tables('units on hand', read_stock(options.url, options.limit),
            stock_of(invoices), Decimal(0))
        compare_days(comparison, read_days(options.url, stores, options.limit), invoices)
    if options.sandbox_log is not None:
        compare_documents(comparison, read_documents(options.sandbox_log), invoices)
    return comparison.close()


if __name__ == '__main__':
    sys.exit(main())
