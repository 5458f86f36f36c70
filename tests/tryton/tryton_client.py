"""A JSON-RPC client for Tryton 6.0, for the tests: standard library only.

Values travel as Python's own types: Decimal, date, datetime and bytes are turned into Tryton's
typed objects and back. A call that Tryton refuses raises Refused with Tryton's words.
"""
import base64
import datetime
import decimal
import http.client
import json

SECONDS_MAX = 300


class Refused(Exception):
    """Tryton answered with an error; `kind` is its class, `words` what it says."""

    def __init__(self, method, error):
        self.kind = str(error[0]) if error else "?"
        detail = error[1] if len(error) > 1 else ""
        self.words = str(detail[0]) if isinstance(detail, list) and detail else str(detail)
        super().__init__("%s: %s: %s" % (method, self.kind, self.words))


def encode(value):
    if isinstance(value, decimal.Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime.date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError("no Tryton form for %r" % (value,))


def decode(members):
    kind = members.get("__class__")
    if kind == "Decimal":
        return decimal.Decimal(members["decimal"])
    if kind == "date":
        return datetime.date(members["year"], members["month"], members["day"])
    if kind == "datetime":
        return datetime.datetime(*(members[k] for k in (
            "year", "month", "day", "hour", "minute", "second", "microsecond")))
    if kind == "bytes":
        return base64.b64decode(members["base64"])
    return members


class Tryton:
    """One session. `context` goes with every call of a model."""

    def __init__(self, port, database):
        self.port = port
        self.database = database
        self.session = None
        self.context = {}
        self.number = 0

    def call(self, method, *params, path=None):
        self.number += 1
        body = json.dumps({"id": self.number, "method": method, "params": params}, default=encode)
        headers = {"Content-Type": "application/json"}
        if self.session:
            headers["Authorization"] = "Session " + self.session
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
        try:
            connection.request("POST", path or "/%s/" % self.database, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(method, ["HTTP %d" % answer.status, text[:200]])
        reply = json.loads(text, object_hook=decode)
        if "error" in reply:
            raise Refused(method, reply["error"])
        return reply["result"]

    def login(self, user, password):
        user_id, key = self.call("common.db.login", user, {"password": password}, "en")
        self.session = base64.b64encode(("%s:%d:%s" % (user, user_id, key)).encode()).decode()
        self.user_id = user_id
        self.refresh_context()

    def refresh_context(self):
        self.context = self.call("model.res.user.get_preferences", True, {})

    def model(self, name, method, *params, **context):
        return self.call("model.%s.%s" % (name, method), *params, dict(self.context, **context))

    def rows(self, name, domain, fields, order=None, page=500, **context):
        """Every record of the domain, read page by page in the order of their ids."""
        order = order or [["id", "ASC"]]
        found = []
        while True:
            part = self.model(name, "search_read", domain, len(found), page, order, fields,
                **context)
            found += part
            if len(part) < page:
                return found

    def first(self, name, domain):
        found = self.model(name, "search", domain, 0, 1, [["id", "ASC"]])
        return found[0] if found else None

    def create(self, name, *records):
        return self.model(name, "create", list(records))

    def ensure(self, name, domain, values):
        """The record of the domain; created when there is none."""
        return self.first(name, domain) or self.create(name, values)[0]
