#!/usr/bin/env python3
"""A stand-in for Odoo's server that knows the few models which the connector uses, written from
Odoo's published sources and documents. It is strict: an unknown model, method, parameter or field,
a value of the wrong type, a missing key and a wrong credential end as they end in Odoo, with its
error shapes and status codes.

    odoo_double.py --version 17|18|19 --port P --documents FILE [--conflicts N]

17 and 18 answer POST /jsonrpc, 19 answers POST /json/2/MODEL/METHOD. Stores, items and taxes are
those of the documents. Each call is one transaction: it ends in all its effects or in none. With
--conflicts every Nth call that writes meets another writer, as a server under load does. What is
not to be had from it: what happens when a session is closed.

GET /double/summary says what it holds: orders, orders that share a reference, drafts, stock.
"""
import argparse
import copy
import http.server
import json
import re
import sys
import threading

DATABASE, USER, SECRET = "shop", "tillbridge", "key-of-the-double"
UID, COMPANY = 7, 1

# The fields that may be asked for, and (with *) written by an order from a register.
FIELDS = {
    "pos.config": "name active company_id currency_id payment_method_ids",
    "pos.payment.method": "name",
    "res.currency": "name active decimal_places",
    "account.tax": "name amount amount_type type_tax_use price_include company_id sequence",
    "product.product": "default_code barcode",
    "pos.session": "config_id state cash_register_balance_start",
    "pos.order": "name uuid pos_reference state session_id company_id date_order partner_id "
                 "fiscal_position_id pricelist_id amount_total amount_tax amount_paid amount_return "
                 "to_invoice access_token lines payment_ids currency_id sequence_number user_id",
    "pos.order.line": "order_id product_id qty price_unit discount price_subtotal "
                      "price_subtotal_incl full_product_name uuid customer_note tax_ids",
    "pos.payment": "pos_order_id payment_method_id amount payment_date name",
}
FIELDS = {model: {"id", *names.split()} for model, names in FIELDS.items()}
FIELDS_17 = {"pos.order": {"uuid"}}  # not there yet

# pos.order.create() of 18 and 19 reads these of what a register sends, and 17 these of its data.
ORDER_REQUIRED = {"session_id", "company_id", "amount_total", "amount_tax", "amount_paid",
                  "amount_return", "lines", "uuid"}
DATA_REQUIRED_17 = {"name", "user_id", "pos_session_id", "sequence_number", "partner_id",
                    "date_order", "fiscal_position_id", "amount_paid", "amount_total", "amount_tax",
                    "amount_return", "lines", "statement_ids"}
DATA_17 = DATA_REQUIRED_17 | {"uid", "pricelist_id", "to_invoice", "access_token"}
LINE_REQUIRED = {"product_id", "qty", "price_unit", "price_subtotal", "price_subtotal_incl"}


class Problem(Exception):
    """An exception of Odoo's: its name, its words, and the status that JSON-2 gives it."""

    def __init__(self, name, words, status):
        super().__init__(words)
        self.name, self.words, self.status = name, words, status

    def shape(self):
        return {"name": self.name, "message": self.words, "arguments": [self.words], "context": {},
                "debug": "Traceback (most recent call last): ..."}


def user_error(words):
    return Problem("odoo.exceptions.UserError", words, 422)


def validation_error(words):
    return Problem("odoo.exceptions.ValidationError", words, 422)


def value_error(words):
    return Problem("builtins.ValueError", words, 500)


def key_error(name):
    return Problem("builtins.KeyError", repr(name), 500)


def conflict(number):
    """Odoo has tried five times by itself before it says so."""
    kinds = [("psycopg2.errors.SerializationFailure",
              "could not serialize access due to concurrent update\n", 500),
             ("psycopg2.errors.LockNotAvailable",
              "could not obtain lock on row in relation \"pos_session\"\n", 500),
             ("psycopg2.errors.DeadlockDetected", "deadlock detected\n", 500)]
    return Problem(*kinds[number % len(kinds)])


class Odoo:
    def __init__(self, version, documents, conflicts):
        self.version, self.conflicts, self.writes, self.last_id = version, conflicts, 0, 100
        self.db = {model: {} for model in FIELDS}
        self.stock, self.lock = {}, threading.Lock()
        self.fields = {model: names - (FIELDS_17.get(model, set()) if version == 17 else set())
                       for model, names in FIELDS.items()}
        self.seed(documents)

    def add(self, model, **values):
        self.last_id += 1
        values["id"] = self.last_id
        self.db[model][self.last_id] = values
        return self.last_id

    def seed(self, documents):
        currency = self.add("res.currency", name=documents[0]["currency"], active=True,
                            decimal_places=2)
        methods = [self.add("pos.payment.method", name=name) for name in ("Cash", "Card", "Other")]
        for store in sorted({d["store"] for d in documents}):
            self.add("pos.config", name=store, active=True, company_id=COMPANY,
                     currency_id=currency, payment_method_ids=list(methods), cash_control=True)
        lines = [line for d in documents for line in d["lines"]]
        for number, item in enumerate(sorted({line["item"] for line in lines})):
            # One in three is known by its barcode only.
            known = {"default_code": item, "barcode": False}
            if number % 3 == 2:
                known = {"default_code": False, "barcode": item}
            self.add("product.product", **known)
        self.add("product.product", default_code="ROUNDING", barcode=False)
        rates = sorted({tax["rate"] for line in lines for tax in line.get("taxes", [])})
        for number, rate in enumerate(rates):
            self.add("account.tax", name=f"VAT {rate}", amount=float(rate) * 100,
                     amount_type="percent", type_tax_use="sale", price_include=number % 2 == 1,
                     company_id=COMPANY, sequence=number)

    # What a many2one shows is its id and its name.
    REFERENCES = {"company_id": None, "currency_id": "res.currency", "config_id": "pos.config",
                  "order_id": "pos.order", "pos_order_id": "pos.order", "session_id": "pos.session",
                  "product_id": "product.product", "payment_method_id": "pos.payment.method"}

    def shown(self, field, value):
        if field not in self.REFERENCES or not value:
            return value
        model = self.REFERENCES[field]
        record = self.db[model][value] if model else {"name": "My Company"}
        return [value, record.get("name") or f"[{record.get('default_code')}] A product"]

    def check_fields(self, model, names):
        for name in names:
            if name not in self.fields[model]:
                raise value_error(f"Invalid field {name!r} on model {model!r}")

    def matches(self, model, record, domain):
        """A domain: conditions, joined by 'and', with '|' before two that are joined by 'or'."""
        stack = []
        for part in reversed(domain):
            if part == "|":
                first, second = stack.pop(), stack.pop()
                stack.append(first or second)
                continue
            if not isinstance(part, list) or len(part) != 3:
                raise value_error(f"Invalid domain term {part!r}")
            field, operator, value = part
            if field not in self.fields[model]:
                raise value_error(f"Invalid field {model}.{field} in condition {part!r}")
            if operator == "in" and isinstance(value, list):
                stack.append(record.get(field) in value)
            elif operator == "=":
                stack.append(record.get(field) == value)
            elif operator == "!=":
                stack.append(record.get(field) != value)
            else:
                raise value_error(f"Invalid operator in {part!r}")
        return all(stack)

    # --- methods ---

    def search_read(self, model, domain=None, fields=None, offset=0, limit=None, order=None):
        if not isinstance(domain, list) or not isinstance(fields, list):
            raise value_error("domain and fields are lists")
        if order:
            self.check_fields(model, [part.split()[0] for part in order.split(",")])
        self.check_fields(model, fields)
        found = [r for _, r in sorted(self.db[model].items()) if self.matches(model, r, domain)]
        return [{"id": r["id"], **{f: self.shown(f, r.get(f, False)) for f in fields}}
                for r in found[offset:][:limit]]

    def open_ui(self, ids):
        config = self.one("pos.config", ids)
        if any(s["config_id"] == config["id"] and s["state"] != "closed"
               for s in self.db["pos.session"].values()):
            return {"type": "ir.actions.act_url"}
        self.add("pos.session", config_id=config["id"], name=f"{config['name']}/1",
                 state="opening_control" if config["cash_control"] else "opened",
                 cash_register_balance_start=150.0)
        return {"type": "ir.actions.act_url"}

    def count_cash(self, ids, cashbox_value, notes):
        session = self.one("pos.session", ids)
        if not isinstance(notes, str):
            raise value_error("notes is a text")
        session["cash_register_balance_start"] = float(cashbox_value)
        session["state"] = "opened"

    def one(self, model, ids):
        if len(ids) != 1:
            raise value_error(f"Expected singleton: {model}{tuple(ids)}")
        if ids[0] not in self.db[model]:
            raise Problem("odoo.exceptions.MissingError",
                          "Record does not exist or has been deleted.", 404)
        return self.db[model][ids[0]]

    def session_of(self, number, reference):
        session = self.one("pos.session", [number])
        if session["state"] in ("closed", "closing_control"):
            others = [s for s in self.db["pos.session"].values() if s["state"] == "opened"
                      and s["config_id"] == session["config_id"]]
            if not others:
                raise user_error("No open session available. Please open a new session to capture "
                                 "the order.")
            return others[0]
        return session

    def add_line(self, order, command):
        if not isinstance(command, list) or command[:2] != [0, 0] or not isinstance(command[2], dict):
            raise value_error(f"Wrong value for pos.order.lines: {command!r}")
        line = command[2]
        self.check_fields("pos.order.line", line)
        missing = LINE_REQUIRED - set(line)
        if missing:
            raise validation_error(
                f"The operation cannot be completed: missing required value {sorted(missing)}")
        self.one("product.product", [line["product_id"]])
        for tax in line["tax_ids"][0][2]:
            self.one("account.tax", [tax])
        if not all(isinstance(line[name], (int, float)) for name in LINE_REQUIRED):
            raise value_error("could not convert string to float")
        number = self.add("pos.order.line", **{**line, "order_id": order["id"]})
        order["lines"].append(number)

    def add_payment(self, order, config, values):
        if values["payment_method_id"] not in config["payment_method_ids"]:
            raise validation_error("The payment method selected is not allowed in the config of the "
                                   "POS session.")
        number = self.add("pos.payment", pos_order_id=order["id"], **values)
        order["payment_ids"].append(number)

    def new_order(self, values, session, lines, payments):
        config = self.db["pos.config"][session["config_id"]]
        if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", values["date_order"]):
            raise value_error(f"time data {values['date_order']!r} does not match format")
        number = self.add("pos.order", **{**values, "session_id": session["id"], "lines": [],
                                          "payment_ids": [], "state": "draft",
                                          "currency_id": config["currency_id"]})
        order = self.db["pos.order"][number]
        order["name"] = f"{config['name']}/{number:06d}"
        for command in lines:
            self.add_line(order, command)
        for payment in payments:
            self.add_payment(order, config, payment)
        paid = sum(self.db["pos.payment"][p]["amount"] for p in order["payment_ids"])
        order["amount_paid"] = round(paid, 2)
        try:
            self.pay([number])
        except Problem:
            pass  # Odoo writes a warning to its log and keeps a draft
        for line in order["lines"]:
            sold = self.db["pos.order.line"][line]
            product = sold["product_id"]
            self.stock[product] = self.stock.get(product, 0) - sold["qty"]
        return number

    def pay(self, ids):
        order = self.one("pos.order", ids)
        if abs(order["amount_total"] - order["amount_paid"]) >= 0.005:
            raise user_error(f"Order {order['name']} is not fully paid.")
        order["state"] = "paid"
        return True

    def create_from_ui(self, orders, draft=False):
        made = []
        for order in orders:
            data = order["data"]
            for name in sorted(DATA_REQUIRED_17 - set(data)):
                raise key_error(name)
            for name in set(data) - DATA_17:
                raise value_error(f"the connector sends {name}, which Odoo 17 does not read")
            if not re.search(r"[0-9-]{14,}", data["name"]):
                raise value_error("a register of Odoo 17 cannot read this receipt number")
            same = [o for o in self.db["pos.order"].values() if o["pos_reference"] == data["name"]]
            if same and len(same[0]["lines"]) == len(data["lines"]):
                continue
            session = self.session_of(data["pos_session_id"], data["name"])
            kept = {k: data[k] for k in ("user_id", "partner_id", "date_order", "amount_tax",
                                         "sequence_number", "amount_total", "amount_return")}
            payments = [{"payment_date": c[2]["name"], "amount": c[2]["amount"],
                         "payment_method_id": c[2]["payment_method_id"]}
                        for c in data["statement_ids"]]
            made.append(self.new_order({**kept, "pos_reference": data["name"]}, session,
                                       data["lines"], payments))
        return self.search_read("pos.order", [["id", "in", made]], ["pos_reference"])

    def sync_from_ui(self, orders):
        made = []
        for order in orders:
            for name in sorted(ORDER_REQUIRED - set(order)):
                raise key_error(name)
            values = {k: v for k, v in order.items() if k not in ("lines", "payment_ids")}
            self.check_fields("pos.order", values)
            same = [o for o in self.db["pos.order"].values() if o["uuid"] == order["uuid"]]
            if same:
                made.append(same[0]["id"])
                continue
            if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", order["uuid"]):
                raise value_error(f"no uuid: {order['uuid']!r}")
            session = self.session_of(order["session_id"], order["uuid"])
            payments = [c[2] for c in order["payment_ids"]]
            for payment in payments:
                self.check_fields("pos.payment", payment)
            made.append(self.new_order(values, session, order["lines"], payments))
        return {"pos.order": [{"id": number} for number in made]}

    # --- calls ---

    def methods(self, model):
        found = {"search_read": (lambda **k: self.search_read(model, **k), False, False)}
        if model == "pos.config":
            found["open_ui"] = (self.open_ui, True, True)
        if model == "pos.session":
            name = "set_cashbox_pos" if self.version == 17 else "set_opening_control"
            found[name] = (self.count_cash, True, True)
        if model == "pos.order":
            found["action_pos_order_paid"] = (self.pay, True, True)
            if self.version == 17:
                found["create_from_ui"] = (self.create_from_ui, False, True)
            else:
                found["sync_from_ui"] = (self.sync_from_ui, False, True)
        return found

    def call(self, model, method, ids, parameters):
        if model not in self.db:
            raise Problem("werkzeug.exceptions.NotFound", f"the model {model!r} does not exist", 404)
        if method not in self.methods(model):
            raise Problem("werkzeug.exceptions.NotFound",
                          f"The method '{model}.{method}' does not exist", 404)
        with self.lock:
            return self.transaction(self.methods(model)[method], f"{model}.{method}", ids, parameters)

    def transaction(self, kind, name, ids, parameters):
        function, on_records, writes = kind
        if on_records:
            parameters = {**parameters, "ids": ids}
        elif ids:
            raise Problem("werkzeug.exceptions.UnprocessableEntity",
                          f"cannot call {name} with ids", 422)
        if not writes:
            return self.bound(function, parameters)
        self.writes += 1
        before = copy.deepcopy((self.db, self.stock, self.last_id))
        try:
            result = self.bound(function, parameters)
            if self.conflicts and self.writes % self.conflicts == 0:
                raise conflict(self.writes // self.conflicts)
            return result
        except Exception:
            self.db, self.stock, self.last_id = before
            raise

    @staticmethod
    def bound(function, parameters):
        try:
            return function(**parameters)
        except TypeError as problem:
            raise Problem("werkzeug.exceptions.UnprocessableEntity", str(problem), 422) from problem

    def summary(self):
        references = [o["pos_reference"] for o in self.db["pos.order"].values()]
        return {"orders": len(references), "duplicates": len(references) - len(set(references)),
                "drafts": sum(o["state"] == "draft" for o in self.db["pos.order"].values()),
                "conflicts": self.writes // self.conflicts if self.conflicts else 0,
                "stock": {str(k): round(v, 6) for k, v in sorted(self.stock.items())}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    odoo = None

    def log_message(self, *_):
        pass

    def answer(self, status, value, kind="application/json; charset=utf-8"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def not_found(self):
        self.answer(404, b"<!doctype html><title>404 Not Found</title><p>The requested URL was not "
                         b"found in the server-wide controllers.</p>", "text/html; charset=utf-8")

    def do_GET(self):
        if self.path == "/double/summary":
            self.answer(200, self.odoo.summary())
        else:
            self.not_found()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        json2 = re.fullmatch(r"/json/2/([a-z.]+)/([a-z_]+)", self.path)
        if self.headers.get_content_type() != "application/json":
            self.answer(415, b"Please verify the Content-Type request header and try again.",
                        "text/html; charset=utf-8")
        elif self.path == "/jsonrpc" and self.odoo.version < 19:
            self.json_rpc(body)
        elif json2 and self.odoo.version >= 19:
            self.json_2(body, *json2.groups())
        else:
            self.not_found()

    # {"jsonrpc": "2.0", "method": "call", "id": 1, "params": {"service", "method", "args"}}
    def json_rpc(self, body):
        try:
            request = json.loads(body)
            if request["jsonrpc"] != "2.0" or request["method"] != "call":
                raise ValueError("no call of JSON-RPC 2.0")
            params = request["params"]
            service = (params["service"], params["method"])
            args = params["args"]
        except (ValueError, KeyError, TypeError):
            self.answer(400, b"Invalid JSON-RPC data", "text/html; charset=utf-8")
            return
        try:
            result = {"result": self.service(service, args)}
        except Problem as problem:
            result = {"error": {"code": 200, "message": "Odoo Server Error",
                                "data": problem.shape()}}
        self.answer(200, {"jsonrpc": "2.0", "id": request.get("id"), **result})

    def service(self, service, args):
        if args[0] != DATABASE:
            raise Problem("psycopg2.OperationalError",
                          f"connection to server failed: FATAL:  database \"{args[0]}\" does not "
                          f"exist\n", 500)
        if service == ("common", "authenticate"):
            _, login, secret, environment = args
            if not isinstance(environment, dict):
                raise value_error("the user agent's environment is an object")
            return UID if (login, secret) == (USER, SECRET) else False
        if service != ("object", "execute_kw"):
            raise key_error(service)
        _, uid, secret, model, method, positional, named = args
        if (uid, secret) != (UID, SECRET):
            raise Problem("odoo.exceptions.AccessDenied", "Access Denied", 403)
        if len(positional) > 1:
            raise value_error("the connector names its parameters")
        return self.odoo.call(model, method, positional[0] if positional else [], named)

    def json_2(self, body, model, method):
        if self.headers.get("X-Odoo-Database", DATABASE) != DATABASE:
            self.not_found()
            return
        try:
            words = self.headers.get("Authorization", "").split()
            if len(words) != 2 or words[0].lower() != "bearer":
                raise Problem("werkzeug.exceptions.Unauthorized", "User not authenticated, use the "
                              "\"Authorization\" header", 401)
            if words[1] != SECRET:
                raise Problem("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401)
            try:
                parameters = json.loads(body)
            except ValueError as problem:
                raise Problem("werkzeug.exceptions.BadRequest",
                              f"could not parse the body as json: {problem}", 400) from problem
            if not isinstance(parameters, dict):
                raise Problem("werkzeug.exceptions.BadRequest",
                              "could not parse the body, expecting a json object", 400)
            ids = parameters.pop("ids", [])
            parameters.pop("context", None)
            self.answer(200, self.odoo.call(model, method, ids, parameters))
        except Problem as problem:
            self.answer(problem.status, problem.shape())


def main():
    parser = argparse.ArgumentParser(description="A stand-in for Odoo's server, for tests.")
    parser.add_argument("--version", type=int, choices=(17, 18, 19), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--documents", required=True)
    parser.add_argument("--conflicts", type=int, default=0)
    options = parser.parse_args()
    with open(options.documents, encoding="utf-8") as file:
        documents = [json.loads(line) for line in file if line.strip()]
    Handler.odoo = Odoo(options.version, documents, options.conflicts)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
