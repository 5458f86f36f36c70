#!/usr/bin/python3
"""Does Tryton hold every transaction of a file exactly once, completely, and nothing else?

    audit.py --dir DIR --transactions FILE [--ignore PREFIX]

Computed from the file alone and read from Tryton through JSON-RPC; no code of the product takes
part. For each posted transaction: one sale with its reference, done, of its store, date and
currency; its lines; one invoice, posted and paid, of the till's total; its tenders as reconciled
entries; its goods moved once, from or to its store. For write-offs: one shipment each way, done.
Documents whose reference is not in the file are differences too (except references that begin
with --ignore). Prints the first differences; exit code 1 when there is one.
"""
import argparse
import collections
import decimal
import json
import os
import sys

from tryton_client import Tryton

D = decimal.Decimal
POSTED = {"sale", "return", "exchange", "adjustment"}
SHOWN_MAX = 20


def number(value):
    return D(str(value or "0"))


def minor_unit(currency):
    return D({"JPY": "1", "KRW": "1", "CLP": "1", "BHD": "0.001", "KWD": "0.001",
        "TND": "0.001"}.get(currency, "0.01"))


def key_of(transaction):
    text = "/".join([transaction["store"], transaction["register"],
        transaction["business_date"], str(transaction["sequence"])])
    revision = int(transaction.get("revision", 1))
    return text if revision == 1 else "%s#%d" % (text, revision)


def read_transactions(path):
    """By reference; a transaction that was sent twice counts once, the first time."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                t = json.loads(line, parse_float=str)
                if t["type"] in POSTED:
                    found.setdefault(key_of(t), t)
    return found


class Expected:
    """What one transaction comes to."""

    def __init__(self, transaction):
        self.lines = collections.Counter()
        self.amounts = collections.defaultdict(D)
        self.written_off = collections.Counter()
        self.payments = collections.defaultdict(D)
        for line in transaction.get("lines", []):
            quantity = number(line.get("quantity"))
            if line["kind"] == "write_off":
                self.written_off[line["item"]] += quantity
                continue
            net = number(line.get("amount"))
            if transaction.get("prices_include_tax"):
                net -= sum(number(tax["amount"]) for tax in line.get("taxes", []))
            self.lines[line["item"]] += quantity
            self.amounts[line["item"]] += net
        for tender in transaction.get("tenders", []):
            self.payments[tender["kind"]] += number(tender["amount"]) - number(
                tender.get("change"))
        totals = transaction["totals"]
        self.unit = minor_unit(transaction["currency"])
        self.total = (number(totals["gross"]) + number(totals.get("rounding"))).quantize(
            self.unit, rounding=decimal.ROUND_HALF_UP)
        kinds = {line["kind"] for line in transaction.get("lines", [])}
        self.has_sale = kinds != {"write_off"}
        self.line_count = len(transaction.get("lines", []))


class Ledger:
    """Everything Tryton holds that can concern us, read once."""

    def __init__(self, tryton):
        self.sales = tryton.rows("sale.sale", [], ["reference", "state", "sale_date",
            "warehouse.code", "currency.code", "total_amount", "invoices"])
        self.lines = self.group(tryton.rows("sale.line", [["type", "=", "line"]], ["sale",
            "product.code", "product.type", "quantity", "amount"]), "sale")
        self.invoices = {r["id"]: r for r in tryton.rows("account.invoice", [["type", "=",
            "out"]], ["state", "total_amount", "invoice_date", "account",
            "lines_to_pay.reconciliation", "move"])}
        self.moves = tryton.rows("stock.move", [["state", "!=", "cancelled"]], ["origin",
            "shipment", "state", "product.code", "quantity", "from_location", "to_location",
            "effective_date"])
        self.shipments = tryton.rows("stock.shipment.internal", [["state", "!=",
            "cancelled"]], ["reference", "state", "to_location.type", "effective_date",
            "warehouse.code"])
        self.entries = tryton.rows("account.move", [["origin", "=", None]],
            ["description", "state"])
        self.entry_lines = tryton.rows("account.move.line", [["move.origin", "=", None]],
            ["move", "description", "debit", "credit", "account", "reconciliation"])
        self.shelves = {r["code"]: r["storage_location"] for r in tryton.rows(
            "stock.location", [["type", "=", "warehouse"]], ["code", "storage_location"])}
        self.by_line = self.group(self.moves, "origin")
        self.by_shipment = self.group(self.moves, "shipment")

    @staticmethod
    def group(rows, name):
        groups = collections.defaultdict(list)
        for row in rows:
            groups[row[name]].append(row)
        return groups


class Audit:

    def __init__(self, ledger, ignore):
        self.ledger = ledger
        self.ignore = ignore
        self.differences = []
        self.sales = ledger.group(ledger.sales, "reference")
        self.shipments = ledger.group(ledger.shipments, "reference")
        self.entries = ledger.group(ledger.entries, "description")
        self.lines_of_entry = ledger.group(ledger.entry_lines, "move")

    def expect(self, reference, what, found, expected):
        if found != expected:
            self.differences.append("%s: %s is %s, expected %s" % (
                reference, what, found, expected))

    def transaction(self, reference, transaction):
        expected = Expected(transaction)
        sales = self.sales.get(reference, [])
        self.expect(reference, "number of sales", len(sales), int(expected.has_sale))
        if expected.has_sale and sales:
            self.sale(reference, transaction, expected, sales[0])
        self.write_offs(reference, transaction, expected)

    def sale(self, reference, transaction, expected, sale):
        self.expect(reference, "state", sale["state"], "done")
        self.expect(reference, "sale date", str(sale["sale_date"]),
            transaction["business_date"])
        self.expect(reference, "warehouse", sale["warehouse."]["code"], transaction["store"])
        self.expect(reference, "currency", sale["currency."]["code"], transaction["currency"])
        self.expect(reference, "total", sale["total_amount"], expected.total)
        self.lines(reference, expected, sale)
        self.goods(reference, transaction, sale)
        self.invoice(reference, transaction, expected, sale)

    def lines(self, reference, expected, sale):
        quantities, amounts = collections.Counter(), collections.defaultdict(D)
        for line in self.ledger.lines[sale["id"]]:
            code = line["product."]["code"]
            if code != "ROUNDING":
                quantities[code] += number(line["quantity"])
                amounts[code] += line["amount"]
        self.expect(reference, "items", sorted(quantities), sorted(expected.lines))
        for code, quantity in expected.lines.items():
            self.expect(reference, "quantity of " + code, quantities[code], quantity)
            # Tryton rounds each line to the minor unit, a till may be finer.
            if abs(amounts[code] - expected.amounts[code]) > expected.unit / 2 * expected.line_count:
                self.expect(reference, "amount of " + code, amounts[code],
                    expected.amounts[code])

    def goods(self, reference, transaction, sale):
        shelf = self.ledger.shelves[transaction["store"]]
        for line in self.ledger.lines[sale["id"]]:
            moves = self.ledger.by_line["sale.line,%d" % line["id"]]
            quantity = number(line["quantity"])
            goods = line["product."]["type"] != "service" and quantity != 0
            what = "moves of " + line["product."]["code"]
            self.expect(reference, what, len(moves), int(goods))
            for move in moves:
                side = "from_location" if quantity > 0 else "to_location"
                self.expect(reference, what, (move["state"], number(move["quantity"]),
                    move[side], str(move["effective_date"]), move["product."]["code"]),
                    ("done", abs(quantity), shelf, transaction["business_date"],
                        line["product."]["code"]))

    def invoice(self, reference, transaction, expected, sale):
        invoices = [self.ledger.invoices[i] for i in sale["invoices"]]
        self.expect(reference, "number of invoices", len(invoices), 1)
        for invoice in invoices:
            self.expect(reference, "invoice", (invoice["state"], invoice["total_amount"],
                str(invoice["invoice_date"])),
                ("paid", expected.total, transaction["business_date"]))
            self.payments(reference, expected, invoice)

    def payments(self, reference, expected, invoice):
        """The entries of the reference, and whether they are what settles the invoice."""
        paid = collections.defaultdict(D)
        settled = {line["reconciliation"] for line in invoice["lines_to_pay."]}
        entries = self.entries.get(reference, [])
        wanted = any(expected.payments.values())
        self.expect(reference, "number of payment entries", len(entries), int(wanted))
        for entry in entries:
            self.expect(reference, "state of the payment", entry["state"], "posted")
            for line in self.lines_of_entry[entry["id"]]:
                if line["account"] == invoice["account"]:
                    self.expect(reference, "reconciliation of the payment",
                        {line["reconciliation"]}, settled)
                else:
                    paid[line["description"]] += line["debit"] - line["credit"]
        for kind in sorted(set(paid) | {k for k, v in expected.payments.items() if v}):
            if abs(paid[kind] - expected.payments[kind]) > expected.unit / 2:
                self.expect(reference, "payment by " + kind, paid[kind],
                    expected.payments[kind])

    def write_offs(self, reference, transaction, expected):
        found = collections.Counter()
        shipments = self.shipments.get(reference, [])
        signs = {line_sign(line) for line in transaction.get("lines", [])
            if line["kind"] == "write_off"} - {0}
        self.expect(reference, "number of shipments", len(shipments), len(signs))
        for shipment in shipments:
            out = shipment["to_location."]["type"] == "lost_found"
            self.expect(reference, "shipment", (shipment["state"],
                str(shipment["effective_date"])), ("done", transaction["business_date"]))
            for move in self.ledger.by_shipment["stock.shipment.internal,%d" % shipment["id"]]:
                shelf = move["from_location" if out else "to_location"]
                self.expect(reference, "write-off move", (move["state"], shelf),
                    ("done", self.ledger.shelves[transaction["store"]]))
                quantity = number(move["quantity"])
                found[move["product."]["code"]] += -quantity if out else quantity
        for code in set(found) | set(expected.written_off):
            self.expect(reference, "write-off of " + code, found[code],
                expected.written_off[code])

    def strangers(self, references):
        """What Tryton holds beyond the file."""
        def foreign(reference):
            ours = reference in references
            return not ours and not (self.ignore and (reference or "").startswith(self.ignore))
        for kind, rows in (("sale", self.sales), ("shipment", self.shipments),
                ("payment entry", self.entries)):
            for reference in rows:
                if foreign(reference):
                    self.differences.append("%s: a %s that is not in the file" % (
                        reference, kind))
        for move in self.ledger.moves:
            if not (move["origin"] or move["shipment"]):
                self.differences.append("stock move %d comes from nothing" % move["id"])
        invoiced = {i for sale in self.ledger.sales for i in sale["invoices"]}
        for invoice in set(self.ledger.invoices) - invoiced:
            self.differences.append("invoice %d belongs to no sale" % invoice)

    def doubles(self):
        """Whatever its reference is: nothing may be there twice."""
        for kind, rows in (("sales", self.sales), ("payment entries", self.entries)):
            for reference, found in rows.items():
                if len(found) > 1:
                    self.differences.append("%s: %d %s" % (reference, len(found), kind))
        for origin, found in self.ledger.by_line.items():
            if origin and len(found) > 1:
                self.differences.append("%s: %d moves of goods" % (origin, len(found)))


def line_sign(line):
    quantity = number(line.get("quantity"))
    return (quantity > 0) - (quantity < 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True, help="the folder of tryton_server.py")
    parser.add_argument("--transactions", required=True, metavar="FILE")
    parser.add_argument("--ignore", metavar="PREFIX", help="references that are not ours")
    options = parser.parse_args()
    with open(os.path.join(options.dir, "ids.json")) as f:
        ids = json.load(f)
    with open(os.path.join(options.dir, "admin.pass")) as f:
        password = f.read().strip()
    tryton = Tryton(ids["port"], ids["database"])
    tryton.login("admin", password)
    transactions = read_transactions(options.transactions)
    audit = Audit(Ledger(tryton), options.ignore)
    for reference, transaction in transactions.items():
        audit.transaction(reference, transaction)
    audit.strangers(set(transactions))
    audit.doubles()
    for text in audit.differences[:SHOWN_MAX]:
        print(text)
    print("%d compared, %d different" % (len(transactions), len(audit.differences)))
    return 1 if audit.differences else 0


if __name__ == "__main__":
    sys.exit(main())
