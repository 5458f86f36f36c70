#!/usr/bin/python3
"""Holds what the shipped mappings make of vendors' documents against the documents themselves.

  check_vendors.py --tillbridge PROGRAM [--samples FOLDER]

Each document goes through `tillbridge map test --json`; its money and quantities are then read from
it once more, by code that tillbridge does not share: gross, tax and tenders, the quantity of every
item, and lines that add up. FOLDER is one with the vendors' own samples (square/, shopify/,
erpnext/); without it the hand-written ones of tests/doors/ are all there is. Closes with "N passed,
N failed".
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections import Counter
from decimal import Decimal

HERE = pathlib.Path(__file__).resolve().parent.parent / 'doors'
ZERO = Decimal(0)


def number(value):
    return Decimal(str(value)) if value not in (None, '') else ZERO


def cents(money):
    return number(money['amount']) / 100 if money else ZERO


def square(document):
    order = document['order']
    net = order.get('net_amounts')
    gross = cents(net['total_money'] if net else order['total_money'])
    tax = cents(net['tax_money'] if net else order['total_tax_money'])
    paid = [cents(t['amount_money']) for t in order.get('tenders', [])]
    paid += [-cents(r['amount_money']) for r in order.get('refunds', [])]
    items = Counter()
    for line in order.get('line_items', []):
        items[line.get('catalog_object_id') or line['name']] += number(line['quantity'])
    for group in order.get('returns', []):
        for line in group['return_line_items']:
            items[line.get('catalog_object_id') or line['name']] -= number(line['quantity'])
    return gross, tax, sorted(paid), items


def square_payment(document):
    whole = document['data']['object']
    if 'payment' in whole:
        paid = cents(whole['payment']['total_money'])
        return paid, ZERO, [paid], Counter({'square-payment': Decimal(1)})
    paid = -cents(whole['refund']['amount_money'])
    return paid, ZERO, [paid], Counter({'square-payment': Decimal(-1)})


def shopify(document):
    order = document.get('order') or document.get('orders', [document])[0]
    items = Counter()
    if 'refund_line_items' in order:
        paid = [-number(t['amount']) for t in order['transactions']]
        for line in order['refund_line_items']:
            items[line['line_item']['sku']] -= number(line['quantity'])
        tax = -sum(number(line['total_tax']) for line in order['refund_line_items'])
        return sum(paid), tax, sorted(paid), items
    for line in order['line_items']:
        items[str(line.get('sku') or line.get('variant_id') or line['product_id'])] += number(
            line['quantity'])
    paid = [number(t['amount']) for t in order.get('transactions', [])
        if t['kind'] in ('sale', 'capture') and t['status'] == 'success']
    gross = number(order['total_price'])
    return gross, number(order['total_tax']), sorted(paid or [gross]), items


def erpnext(document):
    items = Counter()
    for line in document['items']:
        items[line['item_code']] += number(line['qty'])
    paid = [number(p['amount']) for p in document['payments']]
    return (number(document['grand_total']), number(document['total_taxes_and_charges']),
        sorted(paid), items)


def found_in(transaction):
    totals = transaction['totals']
    items = Counter()
    for line in transaction['lines']:
        if line.get('item') is not None:
            items[line['item']] += number(line['quantity'])
    paid = [number(t['amount']) for t in transaction.get('tenders', [])]
    return number(totals['gross']), number(totals['tax']), sorted(paid), items


def adds_up(transaction):
    totals = transaction['totals']
    wanted = number(totals['gross' if transaction['prices_include_tax'] else 'net'])
    return sum(number(line['amount']) for line in transaction['lines']) == wanted


def check(program, path, mapping, read, zone):
    run = subprocess.run([program, 'map', 'test', str(path), '--json', '--mapping', mapping,
        '--store', 'S1', '--time-zone', zone], capture_output=True, text=True)
    results = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{')]
    if len(results) != 1 or results[0]['verdict'] != 'mapped' or results[0]['refusing']:
        return f'not mapped: {run.stdout[:400]}{run.stderr[:400]}'
    transaction = results[0]['transaction']
    expected, found = read(json.loads(path.read_text())), found_in(transaction)
    for name, a, b in zip(('gross', 'tax', 'tenders', 'quantities'), expected, found):
        if a != b:
            return f'{name}: {b} found, {a} in the document'
    return None if adds_up(transaction) else 'the lines do not add up'


def completed(path, folder):
    """Square's example is an order that is still open; nothing else of it is changed."""
    document = json.loads(path.read_text())
    document['order']['state'] = 'COMPLETED'
    copy = folder / path.name
    copy.write_text(json.dumps(document))
    return copy


def documents(samples, scratch):
    yield HERE / 'square_order.json', 'square', square
    yield HERE / 'square_return.json', 'square', square
    yield HERE / 'shopify_order.json', 'shopify', shopify
    yield HERE / 'shopify_refund.json', 'shopify', shopify
    yield HERE / 'erpnext_return.json', 'erpnext', erpnext
    if samples is None:
        return
    yield completed(samples / 'square/api_RetrieveOrderResponse.json', scratch), 'square', square
    for name in ('payment_updated__Payment', 'refund_updated__Refund'):
        yield (samples / f'square/webhook_{name}UpdatedEvent.json', 'square-payments',
            square_payment)
    # The third of Shopify's orders was paid in another currency than it was made in: no rule lets it in.
    for name in ('order', 'orders'):
        yield samples / f'shopify/{name}.json', 'shopify', shopify
    yield samples / 'erpnext/pos_invoice.example.json', 'erpnext', erpnext


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--tillbridge', required=True)
    parser.add_argument('--samples', type=pathlib.Path)
    options = parser.parse_args()
    failed = passed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for path, mapping, read in documents(options.samples, pathlib.Path(scratch)):
            wrong = check(options.tillbridge, path, mapping, read, 'Europe/Berlin')
            print(f'{"FAILED" if wrong else "ok    "} {path.name} by {mapping}'
                f'{": " + wrong if wrong else ""}')
            failed += wrong is not None
            passed += wrong is None
    print(f'{passed} passed, {failed} failed')
    return failed > 0


sys.exit(main())
