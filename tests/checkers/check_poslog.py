#!/usr/bin/python3
"""Holds transactions that were made of a POSLog against the POSLog itself.

  check_poslog.py POSLOG.xml TRANSACTIONS.ndjson [--limit N]

Everything is computed again from the XML, by code that tillbridge does not share: each transaction's
key, type and currency, its lines with item, quantity and amount, the sum of its lines, tenders and
change, tax and totals. Prints each difference (the first 20) and "N compared, N different"; exit 1
on any, and when there is nothing to compare.
"""
import argparse
import json
import sys
import xml.etree.ElementTree as ElementTree
from decimal import Decimal

ZERO = Decimal(0)
TENDERS = {'Cash': 'cash', 'CreditDebit': 'card', 'Credit': 'card', 'Debit': 'card',
    'GiftCard': 'gift_card', 'GiftCertificate': 'gift_card', 'StoredValue': 'gift_card',
    'Voucher': 'voucher', 'Coupon': 'voucher', 'ManufacturerCoupon': 'voucher',
    'StoreCoupon': 'voucher', 'CustomerAccount': 'account', 'HouseAccount': 'account',
    'AccountsReceivable': 'account'}
UNFINISHED = {'Canceled', 'Cancelled', 'Failed', 'PostVoided', 'Suspended', 'SuspendedDeleted',
    'SuspendedRetrieved', 'Voided'}


def local(name):
    return name.rsplit('}', 1)[-1]


class Node:
    """An element without namespaces."""

    def __init__(self, element):
        self.name = local(element.tag)
        self.text = (element.text or '').strip()
        self.attributes = {local(key): value for key, value in element.attrib.items()}
        self.children = [Node(child) for child in element]

    def all(self, name):
        return [child for child in self.children if child.name == name]

    def one(self, name):
        found = self.all(name)
        return found[0] if found else None

    def say(self, *names):
        for name in names:
            found = self.one(name)
            if found is not None and found.text:
                return found.text
        return None

    def number(self, name):
        return Decimal(self.say(name) or 0)

    def flag(self, name):
        return self.attributes.get(name) in ('true', '1')


def sale_lines(retail):
    """(number, item, quantity, amount) of what was sold and counts."""
    for line in retail.all('LineItem'):
        sale = line.one('Sale')
        if sale is None:
            continue
        amount, quantity = sale.number('ExtendedAmount'), sale.number('Quantity')
        if line.flag('VoidFlag') and amount >= 0 and quantity >= 0:
            continue
        price = Decimal(sale.say('ActualSalesUnitPrice', 'RegularSalesUnitPrice') or 0)
        if amount < 0 and quantity > 0 and price > 0:
            quantity = -quantity
        item = sale.say('ItemID') or sale.one('POSIdentity').say('POSItemID')
        yield int(line.say('SequenceNumber')), item, quantity, amount


def return_lines(retail):
    for line in retail.all('LineItem'):
        back = line.one('Return')
        if back is not None and not line.flag('VoidFlag'):
            item = back.say('ItemID') or back.one('POSIdentity').say('POSItemID')
            yield (int(line.say('SequenceNumber')), item, -abs(back.number('Quantity')),
                -abs(back.number('ExtendedAmount')))


def reductions(retail):
    """Money that lowers the receipt: rewards as NCR sums them up, discounts on all of it."""
    for line in retail.all('LineItem'):
        reward, discount = line.one('LoyaltyReward'), line.one('Discount')
        if reward is not None and reward.say('RewardCategory') == 'Monetary' and \
                reward.flag('summarizedActivity') and reward.number('ExtendedRewardAmount') != 0:
            yield (int(line.say('SequenceNumber')), None, None,
                reward.number('ExtendedRewardAmount'))
        if discount is not None and discount.number('Amount') != 0 and not line.flag('VoidFlag'):
            yield int(line.say('SequenceNumber')), None, None, -abs(discount.number('Amount'))


def tenders(retail):
    """(number, kind, amount, change)"""
    for line in retail.all('LineItem'):
        tender = line.one('Tender')
        if tender is None:
            continue
        amount = tender.number('Amount')
        if line.flag('VoidFlag') and amount >= 0:
            continue
        if tender.attributes.get('TypeCode') in ('Refund', 'Return') and amount > 0:
            amount = -amount
        change = sum((each.number('Amount') for each in tender.all('TenderChange')), ZERO)
        kind = tender.attributes.get('TenderType', '').split(':')[-1]
        yield (int(line.say('SequenceNumber')), TENDERS.get(kind, 'other'), amount,
            max(change, ZERO))


def total(retail, kind):
    for each in retail.all('Total'):
        if each.attributes.get('TotalType') == kind:
            return Decimal(each.text)
    return None


def line_taxes(retail):
    found = ZERO
    for line in retail.all('LineItem'):
        for part in line.all('Tax') + [tax for sale in line.all('Sale') for tax in sale.all('Tax')]:
            found += part.number('Amount')
    return found


def expected_retail(transaction, retail):
    sold, back = list(sale_lines(retail)), list(return_lines(retail))
    has_sale = any(line.one('Sale') is not None for line in retail.all('LineItem'))
    has_return = any(line.one('Return') is not None for line in retail.all('LineItem'))
    has_tender = any(line.one('Tender') is not None for line in retail.all('LineItem'))
    if has_return:
        kind = 'exchange' if has_sale else 'return'
    else:
        kind = 'sale' if has_sale or has_tender else 'void'
    lines = sorted(sold + back + list(reductions(retail)))
    gross, tax = total(retail, 'TransactionGrandAmount'), total(retail, 'TransactionTaxAmount')
    tax = line_taxes(retail) if tax is None else tax
    return {'type': kind, 'lines': lines, 'tenders': sorted(tenders(retail)), 'gross': gross,
        'tax': tax, 'net': gross - tax, 'rounding': total(retail, 'RoundingAmount') or ZERO,
        'currency': transaction.say('CurrencyCode')}


CONTROLS = {'PaidIn': ('paid_in', 1), 'PaidOut': ('paid_out', -1), 'TenderPickup': ('pickup', -1),
    'TillPickup': ('pickup', -1), 'TenderLoan': ('loan', 1), 'TillLoan': ('loan', 1)}


def expected_control(control):
    for part in control.children:
        if part.name in CONTROLS:
            kind, sign = CONTROLS[part.name]
            amount = part.number('Amount') + sum(
                (each.number('Amount') for each in part.all('Tender')), ZERO)
            return {'type': kind, 'moved': sign * abs(amount)}
    return {'type': 'count'}


def expected(transaction):
    retail, control = transaction.one('RetailTransaction'), transaction.one('ControlTransaction')
    money = transaction.one('TenderControlTransaction')
    if transaction.flag('TrainingModeFlag'):
        return {'type': 'training'}
    status = retail.attributes.get('TransactionStatus') if retail is not None else None
    if transaction.flag('CancelFlag') or status in UNFINISHED:
        return {'type': 'void'}
    if retail is not None and retail.children:
        return expected_retail(transaction, retail)
    if money is not None:
        return expected_control(money)
    names = {child.name for child in control.children} if control is not None else set()
    if names & {'BusinessSOD', 'TillOpen'}:
        return {'type': 'open'}
    return {'type': 'close' if names & {'BusinessEOD', 'TillClose'} else 'no_sale'}


def key_of(transaction):
    unit = transaction.one('BusinessUnit')
    store = transaction.say('RetailStoreID') or unit.say('UnitID')
    return '/'.join((store, transaction.say('WorkstationID'),
        transaction.say('BusinessDayDate')[:10], str(int(transaction.say('SequenceNumber')))))


def decimal(value):
    return None if value is None else Decimal(value)


def made(document):
    """What tillbridge made, in the words of expected()."""
    totals = document.get('totals', {})
    lines = sorted((line['number'], line.get('item'), decimal(line.get('quantity')),
        Decimal(line['amount'])) for line in document.get('lines', []))
    paid = sorted((tender['number'], tender['kind'], Decimal(tender['amount']),
        Decimal(tender.get('change', 0))) for tender in document.get('tenders', []))
    return {'type': document['type'], 'lines': lines, 'tenders': paid,
        'gross': decimal(totals.get('gross')), 'tax': decimal(totals.get('tax')),
        'net': decimal(totals.get('net')), 'rounding': decimal(totals.get('rounding', 0)),
        'currency': document.get('currency'),
        'moved': sum((tender[2] for tender in paid), ZERO)}


class Comparison:
    def __init__(self, limit):
        self.limit, self.compared, self.different = limit, 0, 0

    def hold(self, what, found, wanted):
        self.compared += 1
        if found == wanted:
            return
        self.different += 1
        if self.different <= self.limit:
            print(f'{what}: {found} was made, {wanted} stands in the POSLog')

    def close(self):
        print(f'{self.compared} compared, {self.different} different')
        return 0 if self.compared > 0 and self.different == 0 else 1


def arithmetic(retail_lines, document):
    """Lines whose amount is not quantity times price, to be kept as they are."""
    prices = {line['number']: decimal(line.get('unit_price')) for line in document.get('lines', [])}
    return sum(1 for number, _, quantity, amount in retail_lines
        if quantity is not None and prices[number] is not None
        and abs(quantity * prices[number] - amount) > Decimal('0.01'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('poslog')
    parser.add_argument('transactions')
    parser.add_argument('--limit', type=int, default=20)
    arguments = parser.parse_args()
    comparison = Comparison(arguments.limit)
    with open(arguments.transactions, encoding='utf-8') as lines:
        documents = [json.loads(line) for line in lines]
    by_key = {'/'.join((d['store'], d['register'], d['business_date'], str(d['sequence']))): d
        for d in documents}
    root = Node(ElementTree.parse(arguments.poslog).getroot())
    transactions = root.all('Transaction')
    comparison.hold('transactions', len(documents), len(transactions))
    comparison.hold('keys', len(by_key), len(transactions))
    odd = 0
    for transaction in transactions:
        key = key_of(transaction)
        document = by_key.get(key)
        comparison.hold(f'{key}: is there', document is not None, True)
        if document is None:
            continue
        found = made(document)
        for name, wanted in expected(transaction).items():
            comparison.hold(f'{key} {name}', found[name], wanted)
            if name == 'lines':
                odd += arithmetic(wanted, document)
                comparison.hold(f'{key} sum of lines', sum(line[3] for line in found[name]),
                    sum(line[3] for line in wanted))
    print(f'{odd} lines whose amount is not quantity times price, taken as they are')
    return comparison.close()


if __name__ == '__main__':
    sys.exit(main())
