"""What the checkers share: figures side by side, and the ways to read them from a server and from
the log of the sandbox ERP. Python's standard library only; amounts are Decimals, never floats."""
import json
import sys
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from decimal import Decimal

SHOWN = 20
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Comparison:
    """Counts what is compared and prints the first differences."""

    def __init__(self):
        self.compared = 0
        self.different = 0

    def same(self, what, found, expected):
        self.compared += 1
        if found == expected:
            return
        self.different += 1
        if self.different <= SHOWN:
            print(f'{what}: {found}, but the source says {expected}')

    def tables(self, what, found, expected, absent):
        """Two tables, in both directions; a row that is absent counts as `absent`."""
        for key in sorted(set(found) | set(expected)):
            self.same(f'{what} {" ".join(map(str, key)) if isinstance(key, tuple) else key}',
                found.get(key, absent), expected.get(key, absent))

    def close(self):
        print(f'{self.compared} compared, {self.different} different')
        return 1 if self.different or not self.compared else 0


def get(url):
    """The JSON object at `url`; ends the program with a sentence when there is none."""
    try:
        with WEB.open(url, timeout=60) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        sys.exit(f'{url}: {error}')


def pages(url, path, name, limit):
    """All elements of a list, page by page."""
    after = ''
    while True:
        query = {'limit': limit}
        if after:
            query['after'] = after
        page = get(f'{url}{path}?{urllib.parse.urlencode(query)}')
        yield from page[name]
        after = page['next']
        if after is None:
            return


def read_stock(url, limit):
    return {(row['location'], row['item']): Decimal(row['on_hand'])
        for row in pages(url, '/v1/stock', 'stock', limit)}


def read_stores(url, limit):
    return {row['store']: row for row in pages(url, '/v1/stores', 'stores', limit)}


def read_days(url, stores, limit):
    """(store, date): day"""
    days = {}
    for store in stores:
        path = f'/v1/stores/{urllib.parse.quote(store)}/days'
        for day in pages(url, path, 'days', limit):
            days[store, day['business_date']] = day
    return days


def read_documents(path):
    """reference: list of documents, from the log of the sandbox ERP. A torn last line is none."""
    documents = defaultdict(list)
    with open(path, 'rb') as log:
        for line in log:
            if line.endswith(b'\n'):
                document = json.loads(line)
                documents[document['reference']].append(document)
    return documents


def units(lines):
    """Quantities by item and kind: what an ERP may order differently but must not change."""
    total = Counter()
    for line in lines:
        total[line['item'], line['kind']] += Decimal(line['quantity'])
    return dict(total)


def add_limit(parser):
    parser.add_argument('--url', help='the server, such as http://127.0.0.1:8080')
    parser.add_argument('--sandbox-log', help="sandbox.log in the sandbox ERP's folder")
    parser.add_argument('--limit', type=int, default=1000, help='rows a page (1 to 1000)')
