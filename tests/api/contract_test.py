#!/usr/bin/env python3
"""Holds a running server to api/openapi.yaml, in both directions.

usage: contract_test.py --url http://127.0.0.1:8080 [--contract FILE]

Every operation of the file is called, with parameters that the server's own answers supply and with
ones that must be refused; each answer's status must be listed, its content type must be the listed
one, and its body must validate. The routes that the server says it has must be the file's. It sends
transactions of a store of its own, "contract-<random>", so it may run against a server with data.
Ends with "N passed, N failed"; exit code 1 when something failed.
"""
import argparse
import base64
import copy
import datetime
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "patch")
FILES_OF_THE_PAGE = re.compile(r"\.(js|css|svg|png|ico)$")
TIMEOUT_SECONDS = 20
# The story is read after the sale was accepted; stock and books follow within a moment.
ATTEMPTS_MAX = 200


class ContractLoader(yaml.SafeLoader):
    """Dates stay texts, as they are in JSON."""


ContractLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.type = headers.get("Content-Type", "").split(";")[0].strip().lower()
        self.headers = headers
        self.body = body

    def json(self):
        # A number with a point stays a text of digits no longer than a float can hold: seconds.
        return json.loads(self.body)


class Server:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, body=None, content_type=None, fields=None):
        headers = {"Content-Type": content_type} if content_type else {}
        headers.update(fields or {})
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())


class Contract:
    def __init__(self, path):
        with open(path, encoding="utf-8") as stream:
            self.document = yaml.load(stream, ContractLoader)

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def resolve(self, node):
        while "$ref" in node:
            found = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def response(self, operation, status):
        """What the operation says about this status; `default` only speaks for problems."""
        responses = operation["responses"]
        if str(status) in responses:
            return self.resolve(responses[str(status)])
        return self.resolve(responses["default"]) if status >= 400 else None

    def problems_of(self, schema, value):
        """Sentences about what does not validate."""
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        whole["components"] = self.document["components"]
        validator = jsonschema.Draft202012Validator(whole)
        return [f"/{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(value)]


class Test:
    def __init__(self, server, contract):
        self.server = server
        self.contract = contract
        self.passed = 0
        self.failed = 0
        self.answered = set()

    def check(self, good, claim):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {claim}")
        return good

    def call(self, method, template, path, expected, body=None, content_type=None, fields=None):
        """Calls, and holds the answer to the contract; returns it."""
        answer = self.server.call(method, path, body, content_type, fields)
        name = f"{method} {path}"
        wanted = expected if isinstance(expected, tuple) else (expected,)
        self.check(answer.status in wanted, f"{name} is answered {answer.status}, expected {expected}: {answer.body[:200]!r}")
        self.answered.add((method, template))
        operation = self.contract.document["paths"][template][method.lower()]
        response = self.contract.response(operation, answer.status)
        if self.check(response is not None, f"{name}: status {answer.status} is not in the contract"):
            self.check_content(name, answer, response)
        return answer

    def check_content(self, name, answer, response):
        content = response.get("content", {})
        if not self.check(answer.type in content, f"{name}: content type {answer.type!r}, expected {' or '.join(content)}"):
            return
        schema = content[answer.type].get("schema", {})
        for number, value in enumerate(self.values(answer)):
            for problem in self.contract.problems_of(schema, value):
                self.check(False, f"{name}: answer {number} at {problem}")
            self.passed += 1
        for header in response.get("headers", {}):
            self.check(answer.headers.get(header) is not None, f"{name}: header {header} is missing")

    @staticmethod
    def values(answer):
        if answer.type == "application/x-ndjson":
            return [json.loads(line) for line in answer.body.splitlines()]
        if answer.type.endswith("json"):
            return [answer.json()]
        return [answer.body.decode("utf-8")]


def sale(store, sequence):
    day = datetime.date.today().isoformat()
    return {
        "store": store, "register": "01", "business_date": day, "sequence": sequence, "type": "sale",
        "closed_at": f"{day}T12:00:00+00:00", "currency": "EUR", "prices_include_tax": True,
        "lines": [{
            "number": 1, "kind": "sale", "item": "85123A", "description": "T-light holder", "quantity": "6",
            "unit": "EA", "unit_price": "2.55", "amount": "15.30",
            "taxes": [{"code": "S", "rate": "0.20", "base": "12.75", "amount": "2.55"}],
        }],
        "tenders": [{"number": 1, "kind": "cash", "amount": "20.00", "change": "4.70"}],
        "totals": {"net": "12.75", "tax": "2.55", "gross": "15.30", "rounding": "0.00"},
        "extensions": {"kept": ["as", "it", "came", 1.5, None]},
    }


def encode(value):
    return json.dumps(value).encode()


def test_intake(test, store):
    """Each answer that a sender can get: new, again, in conflict, invalid, unreadable, of a wrong type."""
    template = path = "/v1/transactions"
    json_type, many_type = "application/json", "application/x-ndjson"
    first = sale(store, 1)
    first_problems = test.contract.problems_of({"$ref": "#/components/schemas/Transaction"}, first)
    test.check(not first_problems, f"the transaction that is sent is not one of the contract: {first_problems}")
    created = test.call("POST", template, path, 201, encode(first), json_type).json()
    again = test.call("POST", template, path, 200, encode(first), json_type).json()
    test.check(created.get("receipt") == again.get("receipt"), "sent again, the receipt is another one")
    test.check([created.get("duplicate"), again.get("duplicate")] == [False, True], "duplicate is not false, then true")
    example = test.contract.document["components"]["examples"]["Sale"]["value"]
    test.call("POST", template, path, (200, 201), encode({**example, "store": store}), json_type)

    other = copy.deepcopy(first)
    other["tenders"][0]["kind"] = "card"
    conflict = test.call("POST", template, path, 409, encode(other), json_type).json()
    test.check(conflict.get("type", "").endswith("/conflict"), "the conflict's type does not end in /conflict")
    for member in ("store", "register", "business_date", "sequence", "type", "closed_at", "lines", "totals"):
        without = {name: value for name, value in sale(store, 2).items() if name != member}
        sent_problems = test.contract.problems_of({"$ref": "#/components/schemas/Transaction"}, without)
        test.check(bool(sent_problems), f"the contract allows a sale without {member}")
        test.call("POST", template, path, (400, 422), encode(without), json_type)
    test.call("POST", template, path, 400, b'{"store": ', json_type)
    test.call("POST", template, path, 415, encode(first), "text/plain")
    lines = [encode(first), encode(sale(store, 3)), b"{}", encode(other), b'{"store"']
    test_idempotency_key(test, template, path, store, json_type)
    many = test.call("POST", template, path, 200, b"\n".join(lines) + b"\n", many_type)
    codes = [json.loads(line).get("status_code") for line in many.body.splitlines()]
    test.check(codes[:2] == [200, 201] and codes[3:] == [409, 400] and codes[2] in (400, 422),
               f"NDJSON is answered {codes}, expected 200, 201, 422, 409, 400")
    return created["key"], conflict.get("exception")


def test_idempotency_key(test, template, path, store, json_type):
    """The answer of a key again, byte for byte; another body; a key that cannot be read."""
    key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    body = encode(sale(store, 4))
    first = test.call("POST", template, path, 201, body, json_type, key)
    again = test.call("POST", template, path, 201, body, json_type, key)
    test.check(first.body == again.body, f"{again.body!r} is replayed for {first.body!r}")
    replayed = [a.headers.get("Idempotency-Replayed") for a in (first, again)]
    test.check(replayed == [None, "true"], f"Idempotency-Replayed is {replayed}, expected none, then true")
    reused = test.call("POST", template, path, 422, encode(sale(store, 5)), json_type, key).json()
    test.check(reused.get("type", "").endswith("/idempotency-key-reused"), f"another body gets {reused}")
    for wrong in ("", '""', '"a', "a b", "k" * 256):
        refused = test.call("POST", template, path, 400, body, json_type, {"Idempotency-Key": wrong}).json()
        test.check(refused.get("type", "").endswith("/idempotency-key-malformed"), f"{wrong!r} gets {refused}")


def wait_for_story(test, path):
    """Asks until consumers have applied the sale. Each call blocks on the server, so there is no sleep."""
    for _ in range(ATTEMPTS_MAX):
        answer = test.server.call("GET", path)
        if answer.status == 200 and answer.json().get("ledger"):
            return
    test.check(False, f"{path} has no ledger entries after {ATTEMPTS_MAX} requests")


def test_reads(test, key, exception, store):
    """Every GET, with filters, and what each refuses."""
    day = key.split("/")[2]
    story_template = "/v1/transactions/{store}/{register}/{date}/{sequence}"
    wait_for_story(test, f"/v1/transactions/{key}")
    story = test.call("GET", story_template, f"/v1/transactions/{key}", 200).json()
    test.check(story.get("transaction") == sale(store, 1), "the story's transaction is not as it was sent")
    test.call("GET", story_template, f"/v1/transactions/{key}?revision=1", 200)
    test.call("GET", story_template, f"/v1/transactions/{key}?revision=9", 404)
    test.call("GET", story_template, f"/v1/transactions/{key}?revision=first", 400)
    test.call("GET", story_template, f"/v1/transactions/{store}/01/{day}/999999", 404)
    test.call("GET", story_template, f"/v1/transactions/{store}/01/2026-02-30/1", (400, 404))
    test.call("GET", "/v1/stores/{store}/days", f"/v1/stores/{store}/days", 200)
    test.call("GET", "/v1/stores/{store}/days", "/v1/stores/never-heard-of/days", 200)
    test.call("GET", "/v1/stores/{store}/days/{date}", f"/v1/stores/{store}/days/{day}", 200)
    test.call("GET", "/v1/stores/{store}/days/{date}", f"/v1/stores/{store}/days/1999-01-01", 404)
    test.call("GET", "/v1/exceptions/{id}", "/v1/exceptions/never-heard-of", (400, 404))
    if test.check(exception is not None, "the conflict names no exception"):
        one = test.call("GET", "/v1/exceptions/{id}", f"/v1/exceptions/{urllib.parse.quote(exception)}", 200).json()
        test.check(one.get("key") == key, f"the exception is about {one.get('key')}, expected {key}")
    filters = {
        "/v1/transactions": [f"store={store}"],
        "/v1/stock": ["item=85123A", f"location={store}", f"item=85123A&location={store}"],
        "/v1/stores": [],
        "/v1/exceptions": ["state=open", f"store={store}"],
        "/v1/postings": [f"store={store}"] + [f"state={s}" for s in ("planned", "called", "settled", "agreed", "differs", "refused", "unknown", "waiting", "superseded")],
        "/v1/ledger": [f"store={store}", f"date={day}", f"store={store}&date={day}"],
    }
    for path, queries in filters.items():
        test_list(test, path, queries)
    for query in ("", f"?store={store}", f"?store={store}&currency=JPY", "?currency=CHF"):
        test.call("GET", "/v1/rules", f"/v1/rules{query}", 200)
    test.call("GET", "/v1/rules", "/v1/rules?currency=QQQ", 400)


def test_subjects(test, store):
    """A person is found by what identifies them, shown when it is asked for, and forgotten."""
    find, one = "/v1/subjects/find", "/v1/subjects/{subject}"
    json_type = "application/json"
    story_template = "/v1/transactions/{store}/{register}/{date}/{sequence}"
    number = f"customer-{secrets.token_hex(8)}"
    sent = {**sale(store, 9), "customer": number, "customer_details": {"email": f"{number}@example.org"}}
    key = test.call("POST", "/v1/transactions", "/v1/transactions", 201, encode(sent), json_type).json()["key"]
    wait_for_story(test, f"/v1/transactions/{key}")
    subject = test.call("POST", find, find, 200, encode({"customer": number}), json_type).json()["subject"]
    test.call("POST", find, find, 404, encode({"customer": number[::-1]}), json_type)
    test.call("POST", find, find, 400, encode({}), json_type)
    shown = test.call("GET", one, f"/v1/subjects/{subject}", 200)
    test.check(number.encode() not in shown.body, "a customer is shown unasked")
    test.check([t["key"] for t in shown.json()["transactions"]] == [key], f"the transactions of {number} are not listed")
    shown = test.call("GET", one, f"/v1/subjects/{subject}?reveal=customer", 200)
    test.check(number.encode() in shown.body, "a customer is not shown when it is asked for")
    shown = test.call("GET", story_template, f"/v1/transactions/{key}?reveal=customer", 200).json()
    test.check(shown["personal"]["fields"]["customer"] == number, "the story does not show the customer")
    test.call("GET", one, f"/v1/subjects/{subject}?reveal=all", 400)
    test.call("GET", one, f"/v1/subjects/{'0' * 32}", 404)
    test.call("GET", one, "/v1/subjects/nobody", 400)
    forget = "/v1/subjects/{subject}/forget"
    test.call("POST", forget, f"/v1/subjects/{subject}/forget", 400, encode({}), json_type)
    test.call("POST", forget, f"/v1/subjects/{'0' * 32}/forget", 404, encode({"by": "contract"}), json_type)
    for already in (False, True):
        answer = test.call("POST", forget, f"/v1/subjects/{subject}/forget", 200, encode({"by": "contract"}), json_type)
        test.check(answer.json()["already"] is already, f"already is not {already}")
    for path, template in ((f"/v1/subjects/{subject}", one), (f"/v1/transactions/{key}", story_template)):
        shown = test.call("GET", template, f"{path}?reveal=customer", 200)
        test.check(number.encode() not in shown.body, f"{path} shows who was forgotten")


def signed(secret, body):
    """The fields of Standard Webhooks."""
    name, now = f"msg_{secrets.token_hex(8)}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, b".".join([name.encode(), now.encode(), body]), hashlib.sha256))
    return {"webhook-id": name, "webhook-timestamp": now, "webhook-signature": f"v1,{signature.decode()}"}


def test_doors(test, store, door, secret):
    """A door that is called, and what was received through it."""
    template, path = "/v1/webhooks/{name}", f"/v1/webhooks/{door}"
    json_type = "application/json"
    test.call("POST", template, "/v1/webhooks/no-such-door", 404, b"{}", json_type)
    test.call("POST", template, path, 401, encode(sale(store, 20)), json_type)
    for body, expected in (
        (encode(sale(store, 20)), 200), (encode(sale(store, 20)), 200),
        (encode([sale(store, 21), {"store": store}]), 422), (b"{", 400),
        (encode({**sale(store, 20), "operator": "somebody else"}), 409),
        (b" " * (3 << 20), 413),
    ):
        test.call("POST", template, path, expected, body, json_type, signed(secret, body))
    told = test.call("GET", "/v1/doors", "/v1/doors", 200)
    test.check(secret.encode() not in told.body, "/v1/doors shows a secret")
    one = next(d for d in told.json()["doors"] if d["name"] == door)
    test.check((one["accepted"], one["unauthenticated"]) == (2, 1), f"/v1/doors says {one}")
    key = f"{store}/01/{datetime.date.today().isoformat()}/20"
    wait_for_story(test, f"/v1/transactions/{key}")
    raw = "/v1/transactions/{store}/{register}/{date}/{sequence}/raw"
    answer = test.call("GET", raw, f"/v1/transactions/{key}/raw", 200)
    test.check(json.loads(answer.body) == sale(store, 20), "the raw bytes are not what was sent")
    test.call("GET", raw, f"/v1/transactions/{key}/raw?revision=0", 400)
    test.call("GET", raw, f"/v1/transactions/{key}/raw?revision=9", 404)


def test_list(test, path, queries):
    for query in queries:
        test.call("GET", path, f"{path}?{query}", 200)
    whole = test.call("GET", path, path, 200).json()
    for limit in ("0", "1001", "-1", "many", ""):
        test.call("GET", path, f"{path}?limit={limit}", 400)
    name = next(iter(whole))
    page = test.call("GET", path, f"{path}?limit=1", 200).json()
    test.check(len(page[name]) <= 1, f"{path}?limit=1 has {len(page[name])} entries")
    if page["next"] is not None:
        after = urllib.parse.quote(page["next"])
        following = test.call("GET", path, f"{path}?limit=1&after={after}", 200).json()
        test.check(following[name] != page[name], f"{path}: the second page is the first one again")


def test_routes(test):
    answer = test.call("GET", "/v1/routes", "/v1/routes", 200)
    told = {(r["method"], r["path"]) for r in answer.json()["routes"] if not FILES_OF_THE_PAGE.search(r["path"])}
    written = {(method, path) for method, path, _ in test.contract.operations()}
    for method, path in sorted(told - written):
        test.check(False, f"the server has {method} {path}, which the contract does not")
    for method, path in sorted(written - told):
        test.check(False, f"the contract has {method} {path}, which the server does not list")
    test.check(len(told) > 0, "the server lists no route")


def test_contract_is_served(test):
    served = test.call("GET", "/openapi.json", "/openapi.json", 200).json()
    test.check(served == test.contract.document, "/openapi.json is not the contract that it is held to")
    text = test.call("GET", "/openapi.yaml", "/openapi.yaml", 200).body
    test.check(yaml.load(text, ContractLoader) == test.contract.document, "/openapi.yaml is not the contract that it is held to")


def test_methods(test):
    """A method that a path does not have is refused with 405, not taken for another."""
    for path in sorted({p for _, p, _ in test.contract.operations() if "{" not in p}):
        answer = test.server.call("DELETE", path)
        test.check(answer.status == 405, f"DELETE {path} is answered {answer.status}, expected 405")
        test.check(answer.type == "application/problem+json", f"DELETE {path}: content type {answer.type!r}")
    answer = test.server.call("GET", "/v1/never-heard-of")
    test.check(answer.status == 404, f"GET /v1/never-heard-of is answered {answer.status}, expected 404")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Holds a running server to the contract.")
    parser.add_argument("--url", required=True, help="of the server, as http://127.0.0.1:8080")
    parser.add_argument("--door", required=True, help="a door of the kind standard")
    parser.add_argument("--secret", required=True, help="its secret, as whsec_...")
    parser.add_argument("--contract", default=os.path.join(here, "..", "..", "api", "openapi.yaml"))
    arguments = parser.parse_args()
    test = Test(Server(arguments.url), Contract(arguments.contract))
    store = f"contract-{secrets.token_hex(6)}"
    key, exception = test_intake(test, store)
    test_reads(test, key, exception, store)
    test_subjects(test, store)
    test_doors(test, store, arguments.door, arguments.secret)
    for path in ("/v1/status", "/v1/erps", "/v1/doors", "/healthz", "/readyz", "/metrics", "/"):
        test.call("GET", path, path, 200)
    test_routes(test)
    test_contract_is_served(test)
    test_methods(test)
    for method, path, _ in test.contract.operations():
        test.check((method, path) in test.answered, f"{method} {path} of the contract was never called")
    print(f"{test.passed} passed, {test.failed} failed")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
