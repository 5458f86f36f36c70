"""A load client that keeps books: tills that send sales, returns, repetitions and contradictions,
one at a time and many at once, and write down what they sent before they send it and what they were
answered after. tests/checkers/audit.py reads that log.

A line of the log is JSON: {"sent": id, "key": ..., "document": ...} and then, if an answer came,
{"answered": id, "status": ..., "answer": ...}. What a till was not answered it sends again, first of
all, for as long as it takes."""
import http.client
import json
import os
import random
import socket
import threading
import time

DATE = '2026-11-02'
ITEMS = 40
OPENING = 1000
HISTORY = 300


def money(cents):
    sign = '-' if cents < 0 else ''
    return f'{sign}{abs(cents) // 100}.{abs(cents) % 100:02}'


def document(dice, store, register, sequence, kind, long):
    """A sale or a return; `opening` takes goods into stock."""
    lines, total = [], 0
    count = ITEMS if kind == 'opening' else dice.randint(1, 4)
    for number in range(1, count + 1):
        item = f'I{number:03}' if kind == 'opening' else f'I{dice.randint(1, ITEMS):03}'
        quantity = dice.randint(1, 5) * (-1 if kind == 'return' else 1)
        if kind == 'opening':
            lines.append({'number': number, 'kind': 'write_off', 'item': item,
                'quantity': str(OPENING), 'amount': '0.00'})
            continue
        price = dice.randint(50, 9999)
        total += quantity * price
        lines.append({'number': number, 'kind': 'return' if kind == 'return' else 'sale',
            'item': item, 'quantity': str(quantity), 'unit_price': money(price),
            'amount': money(quantity * price)})
        if long:
            lines[-1]['description'] = 'x' * dice.randint(100, 450)
    # Every third is of a customer who comes twice: one or two new keys of subjects in each ten.
    person = {'customer': f'who-{store}-{register}-{sequence // 6}'} if sequence % 3 == 0 else {}
    return json.dumps({**person, 'store': store, 'register': register, 'business_date': DATE,
        'sequence': sequence, 'type': 'adjustment' if kind == 'opening' else kind,
        'closed_at': '2026-11-02T10:00:00+01:00', 'currency': 'EUR', 'prices_include_tax': True,
        'lines': lines, 'tenders': [] if kind == 'opening' else [
            {'number': 1, 'kind': 'cash', 'amount': money(total)}],
        'totals': {'net': money(total), 'tax': '0.00', 'gross': money(total)}})


class Log:

    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.next, self.lock = 1, threading.Lock()
        self.acknowledged = 0

    def sent(self, key, text):
        with self.lock:
            number, self.next = self.next, self.next + 1
        os.write(self.fd, (json.dumps({'sent': number, 'key': key, 'document': text}) + '\n')
            .encode())
        return number

    def answered(self, number, status, answer):
        os.write(self.fd, (json.dumps({'answered': number, 'status': status, 'answer': answer})
            + '\n').encode())
        if status in (200, 201):
            with self.lock:
                self.acknowledged += 1


class Till:
    """One register and its connection."""

    def __init__(self, log, url, seed, store, register, long=False):
        self.log, self.store, self.register, self.long = log, store, register, long
        self.dice = random.Random(f'{seed} {store} {register}')
        self.host = url[len('http://'):]
        self.sequence, self.known, self.unanswered = 0, [], []
        self.wire = None
        self.all_answered = []

    def key(self, sequence):
        return f'{self.store}/{self.register}/{DATE}/{sequence}'

    def new(self, kind=None):
        self.sequence += 1
        kind = kind or ('return' if self.dice.random() < 0.2 else 'sale')
        return self.key(self.sequence), document(self.dice, self.store, self.register,
            self.sequence, kind, self.long)

    def again(self):
        return self.dice.choice(self.known)

    def contradiction(self):
        key, _ = self.again()
        return key, document(self.dice, self.store, self.register, int(key.rsplit('/', 1)[1]),
            'sale', self.long)

    def broken(self):
        key, text = self.new()
        return key, text.replace('"gross": "', '"gross": "7', 1)

    def one(self):
        chance = self.dice.random()
        if not self.known or chance < 0.7:
            return self.new()
        return (self.again if chance < 0.85 else
            self.contradiction if chance < 0.95 else self.broken)()

    def post(self, body, content_type):
        if self.wire is None:
            self.wire = http.client.HTTPConnection(self.host, timeout=20)
            self.wire.connect()
            self.wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire.request('POST', '/v1/transactions', body,
            {'Content-Type': content_type})
        response = self.wire.getresponse()
        text = response.read().decode()
        if response.will_close:
            self.hang_up()
        return response.status, text

    def hang_up(self):
        if self.wire is not None:
            self.wire.close()
        self.wire = None

    def note(self, number, key, text, status, answer):
        self.log.answered(number, status, answer)
        if status in (429, 503, 507):
            self.unanswered.append((key, text))
        elif status in (200, 201):
            self.known = self.known[-HISTORY:] + [(key, text)]
            self.all_answered.append((key, text))

    def send(self, documents):
        """One request. False when no answer came: the documents stay to be sent again."""
        numbers = [self.log.sent(key, text) for key, text in documents]
        many = len(documents) > 1
        try:
            status, answer = self.post('\n'.join(text for _, text in documents),
                'application/x-ndjson' if many else 'application/json')
        except (OSError, http.client.HTTPException):
            self.hang_up()
            self.unanswered.extend(documents)
            return False
        answers = [(status, answer)] * len(documents)
        if many and status == 200:
            answers = [(json.loads(line)['status_code'], line)
                for line in answer.splitlines()]
        for number, (key, text), (each, words) in zip(numbers, documents, answers):
            self.note(number, key, text, each, words)
        return True

    def step(self):
        if self.unanswered:
            documents, self.unanswered = self.unanswered[:50], self.unanswered[50:]
            return self.send(documents)
        if self.sequence == 0:
            return self.send([self.new('opening')])
        if self.dice.random() < 0.2:
            return self.send([self.one() for _ in range(self.dice.randint(2, 20))])
        return self.send([self.one()])


class Load:
    """Tills on threads of their own, each with a store of its own so that stock can be told apart."""

    def __init__(self, log_path, url, seed, tills, long=False):
        self.log = Log(log_path)
        self.tills = [Till(self.log, url, seed, f'{n // 4 + 1:04}', f'{n % 4 + 1:02}', long)
            for n in range(tills)]
        self.stopping = threading.Event()

    def drive(self, till, steps):
        while not self.stopping.is_set() and steps != 0:
            if not till.step():
                break
            steps -= 1

    def start(self, steps=-1):
        """Each till takes so many steps (-1: until it is stopped or the server is gone)."""
        self.stopping.clear()
        self.threads = [threading.Thread(target=self.drive, args=(till, steps), daemon=True)
            for till in self.tills]
        for thread in self.threads:
            thread.start()

    def join(self, seconds=120):
        """True when every till came to its end in time."""
        until = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def stop(self):
        self.stopping.set()
        return self.join()

    def run(self, steps):
        self.start(steps)
        return self.join()

    def settle(self):
        """Sends what was not answered, until everything is. False when the server is gone."""
        return all(till.step() for till in self.tills for _ in range(1000) if till.unanswered)

    def repeat(self, count):
        """Sends again what was acknowledged: the receipts must be the same."""
        good = True
        for till in self.tills:
            documents = till.all_answered
            chosen = documents if len(documents) <= count else till.dice.sample(documents, count)
            for at in range(0, len(chosen), 100):
                good = till.send(chosen[at:at + 100]) and good
        return good

    def close(self):
        for till in self.tills:
            till.hang_up()
        os.close(self.log.fd)
