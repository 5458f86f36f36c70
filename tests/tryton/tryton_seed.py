"""Master data of a chain of shops, put into Tryton through its own JSON-RPC.

seed_base() makes what every run needs: currency, company, chart of accounts, fiscal years around
today, payment methods, the walk-in customer, product categories. seed_shops() adds what occurs in
a file of transactions: a warehouse for each store, a product for each item, a tax for each rate,
fiscal years for the business dates, and the connector's user. Both look before they create, so
they can be repeated.
"""
import collections
import datetime
import decimal
import json

CONNECTOR = "connector"
WALK_IN = "WALKIN"
ROUNDING = "ROUNDING"
SERVICE_KINDS = {"fee", "gift_card", "deposit", "adjustment"}
YEAR_MIN = 2009
CHUNK = 200
DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "BHD": 3, "KWD": 3, "TND": 3}  # every other has 2
SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}

# What the connector's user may do, and no more: sell, move stock, post and reconcile.
GROUPS = [("sale", "group_sale"), ("stock", "group_stock"),
    ("stock", "group_stock_force_assignment"), ("account", "group_account")
    ]
METHODS = {"cash": "POS Cash", "card": "POS Card", "other": "POS Other"}

D = decimal.Decimal


class Shops:
    """What a file of transactions needs from the master data."""

    def __init__(self):
        self.stores = set()
        self.kinds = collections.defaultdict(set)
        self.names = {}
        self.prices = {}
        self.fractional = set()
        self.rates = {D("0.20"), D("0.05"), D("0")}
        self.years = set()

    def read_file(self, path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    self.read(json.loads(line, parse_float=str, parse_int=str))

    def read(self, transaction):
        self.stores.add(transaction["store"])
        self.years.add(int(transaction["business_date"][:4]))
        for line in transaction.get("lines", []):
            item = line.get("item")
            if not item:
                continue
            self.kinds[item].add(line.get("kind", "sale"))
            self.names.setdefault(item, line.get("description") or item)
            self.prices.setdefault(item, D(str(line.get("unit_price") or "0")))
            quantity = D(str(line.get("quantity", "1")))
            if quantity != quantity.to_integral_value():
                self.fractional.add(item)
            for tax in line.get("taxes", []):
                self.rates.add(D(str(tax["rate"])).normalize())


def data_id(tryton, module, name):
    """The id of a record that came with a module."""
    found = tryton.rows("ir.model.data", [["module", "=", module], ["fs_id", "=", name]],
        ["db_id"])
    if not found:
        raise LookupError("Tryton has no record %s.%s" % (module, name))
    return found[0]["db_id"]


def account_named(tryton, name):
    return tryton.first("account.account", [["name", "=", name]])


def seed_company(tryton, code):
    digits = DIGITS.get(code, 2)
    currency = tryton.ensure("currency.currency", [["code", "=", code]], {
        "name": code, "code": code, "symbol": SYMBOLS.get(code, code), "digits": digits,
        "rounding": D(1).scaleb(-digits),
        "rates": [["create", [{"date": datetime.date(2000, 1, 1), "rate": D(1)}]]]})
    company = tryton.first("company.company", [])
    if company is None:
        party, = tryton.create("party.party", {"name": "Corner Shops",
            "addresses": [["create", [{"street": "1 High Street", "city": "Newtown"}]]]})
        company, = tryton.create("company.company", {"party": party, "currency": currency})
    tryton.model("res.user", "write", [tryton.user_id],
        {"companies": [["add", [company]]], "company": company})
    tryton.refresh_context()
    return company


def seed_accounts(tryton, company):
    """The chart that comes with Tryton is made by a wizard; a few accounts are added to it."""
    if tryton.first("account.account", []) is None:
        template = tryton.first("account.account.template", [["parent", "=", None]])
        wizard = "wizard.account.create_chart."
        session = tryton.call(wizard + "create", tryton.context)[0]
        tryton.call(wizard + "execute", session, {"account": {
            "company": company, "account_template": template}}, "create_account", tryton.context)
        tryton.call(wizard + "execute", session, {"properties": {
            "company": company,
            "account_receivable": tryton.first("account.account", [["type.receivable", "=", True]]),
            "account_payable": tryton.first("account.account", [["type.payable", "=", True]])}},
            "create_properties", tryton.context)
        tryton.call(wizard + "delete", session, tryton.context)
    for name, like in (("Card Clearing", "Main Cash"), ("Other Tenders", "Main Cash"),
            ("Gift Cards", "Main Revenue"), ("Rounding Differences", "Main Revenue")):
        model = tryton.rows("account.account", [["name", "=", like]], ["parent", "type"])[0]
        tryton.ensure("account.account", [["name", "=", name]], {"name": name,
            "company": company, "parent": model["parent"], "type": model["type"],
            "reconcile": False, "party_required": False})
    tryton.model("account.configuration", "write", [1], {
        "default_account_receivable": account_named(tryton, "Main Receivable"),
        "default_account_payable": account_named(tryton, "Main Payable"),
        "default_category_account_revenue": account_named(tryton, "Main Revenue"),
        "default_category_account_expense": account_named(tryton, "Main Expense"),
        "tax_rounding": "document"})


def seed_year(tryton, company, year):
    begin = datetime.date(year, 1, 1)
    if tryton.first("account.fiscalyear", [["start_date", "=", begin]]) is not None:
        return
    move_type = data_id(tryton, "account", "sequence_type_account_move")
    invoice_type = data_id(tryton, "account_invoice", "sequence_type_account_invoice")

    def sequence(prefix):
        strict = prefix != "M"
        return tryton.create("ir.sequence.strict" if strict else "ir.sequence", {
            "name": "%s %d" % (prefix, year), "company": company, "padding": 6,
            "prefix": "%s%d-" % (prefix, year),
            "sequence_type": invoice_type if strict else move_type})[0]
    made, = tryton.create("account.fiscalyear", {
        "name": str(year), "company": company, "start_date": begin,
        "end_date": datetime.date(year, 12, 31), "account_stock_method": "continental",
        "post_move_sequence": sequence("M"),
        "invoice_sequences": [["create", [{"company": company,
            "in_invoice_sequence": sequence("SI"), "in_credit_note_sequence": sequence("SC"),
            "out_invoice_sequence": sequence("I"),
            "out_credit_note_sequence": sequence("C")}]]]})
    tryton.model("account.fiscalyear", "create_period", [made])


def seed_tax(tryton, company, rate):
    percent = (rate * 100).normalize()
    name = "VAT {:f}%".format(percent)
    account = account_named(tryton, "Main Tax")
    return tryton.ensure("account.tax", [["name", "=", name]], {
        "name": name, "description": name, "company": company, "type": "percentage",
        "rate": rate, "invoice_account": account, "credit_note_account": account})


def seed_methods(tryton, company):
    journal = tryton.first("account.journal", [["type", "=", "cash"]])
    accounts = {"cash": "Main Cash", "card": "Card Clearing", "other": "Other Tenders"}
    for kind, name in METHODS.items():
        account = account_named(tryton, accounts[kind])
        tryton.ensure("account.invoice.payment.method", [["name", "=", name]], {
            "name": name, "company": company, "journal": journal,
            "debit_account": account, "credit_account": account})


def seed_categories(tryton):
    """Accounting categories: goods, services, gift cards and rounding differences."""
    for name, revenue in (("Goods", "Main Revenue"), ("Services", "Main Revenue"),
            ("Gift Cards", "Gift Cards"), ("Rounding", "Rounding Differences")):
        values = {"name": name, "accounting": True,
            "account_revenue": account_named(tryton, revenue),
            "account_expense": account_named(tryton, "Main Expense")}
        if name == "Goods":
            values.update(account_stock=account_named(tryton, "Stock"),
                account_stock_in=account_named(tryton, "Stock Expense"),
                account_stock_out=account_named(tryton, "Stock Expense"))
        tryton.ensure("product.category", [["name", "=", name]], values)


def seed_units(tryton):
    """Weighed goods: Tryton's own kilogram ends at two decimals, scales at three."""
    tryton.ensure("product.uom", [["name", "=", "Kilogram (scales)"]], {
        "name": "Kilogram (scales)", "symbol": "kg3", "rate": 1.0, "factor": 1.0, "digits": 3,
        "rounding": 0.001, "category": data_id(tryton, "product", "uom_cat_weight")})


def template_values(code, name, kind, category, unit, price):
    return {"name": name, "code": code, "type": kind, "default_uom": unit, "sale_uom": unit,
        "list_price": price, "cost_price_method": "fixed", "salable": True,
        "account_category": category,
        "products": [["create", [{"cost_price": (price / 2).quantize(D("0.01"))}]]]}


def seed_base(tryton, currency):
    company = seed_company(tryton, currency)
    seed_accounts(tryton, company)
    today = datetime.date.today()
    for year in range(today.year - 1, today.year + 2):
        seed_year(tryton, company, year)
    seed_methods(tryton, company)
    seed_categories(tryton)
    seed_units(tryton)
    tryton.ensure("party.party", [["code", "=", WALK_IN]], {
        "name": "Walk-in customer", "code": WALK_IN,
        "addresses": [["create", [{"street": "-", "city": "-"}]]]})
    category = tryton.first("product.category", [["name", "=", "Rounding"]])
    if tryton.first("product.template", [["code", "=", ROUNDING]]) is None:
        tryton.create("product.template", template_values(ROUNDING, "Rounding", "service",
            category, data_id(tryton, "product", "uom_unit"), D(0)))


def seed_warehouses(tryton, stores):
    """One shelf a store, which is also its door: goods are sold from where they lie."""
    have = {row["code"]: row["id"] for row in tryton.rows("stock.location",
        [["type", "=", "warehouse"]], ["code"])}
    lost = tryton.first("stock.location", [["type", "=", "lost_found"]])
    for code in sorted(stores - set(have)):
        shelf = tryton.ensure("stock.location", [["code", "=", code + "/shelf"]],
            {"name": code + " shelf", "code": code + "/shelf", "type": "storage"})
        have[code], = tryton.create("stock.location", {
            "name": "Store " + code, "code": code, "type": "warehouse",
            "storage_location": shelf, "input_location": shelf, "output_location": shelf,
            "lost_found_location": lost})
        tryton.model("stock.location", "write", [shelf], {"parent": have[code]})
    return {code: have[code] for code in sorted(stores)}


def seed_products(tryton, shops):
    have = {row["code"] for row in tryton.rows("product.product", [], ["code"],
        active_test=False)}
    category = {row["name"]: row["id"] for row in tryton.rows("product.category", [], ["name"])}
    unit = data_id(tryton, "product", "uom_unit")
    scales = tryton.first("product.uom", [["symbol", "=", "kg3"]])
    new = []
    for code in sorted(set(shops.kinds) - have):
        service = shops.kinds[code] <= SERVICE_KINDS
        gift = shops.kinds[code] == {"gift_card"}
        new.append(template_values(code, shops.names[code], "service" if service else "goods",
            category["Gift Cards" if gift else "Services" if service else "Goods"],
            scales if code in shops.fractional else unit, abs(shops.prices[code])))
    for at in range(0, len(new), CHUNK):
        tryton.create("product.template", *new[at:at + CHUNK])
    return len(have) + len(new)


def seed_connector(tryton, company, password):
    user = tryton.first("res.user", [["login", "=", CONNECTOR]])
    if user is not None:
        tryton.model("res.user", "write", [user], {"password": password})
        return user
    return tryton.create("res.user", {"login": CONNECTOR, "name": "Connector of the tills",
        "password": password, "companies": [["add", [company]]], "company": company,
        "groups": [["add", [data_id(tryton, *group) for group in GROUPS]]]})[0]


def seed_shops(tryton, shops, password):
    company = tryton.first("company.company", [])
    for year in sorted(shops.years):
        if year >= YEAR_MIN:
            seed_year(tryton, company, year)
    taxes = {str(rate): seed_tax(tryton, company, rate) for rate in sorted(shops.rates)}
    warehouses = seed_warehouses(tryton, shops.stores)
    products = seed_products(tryton, shops)
    return {"company": company, "connector": seed_connector(tryton, company, password),
        "taxes": taxes, "warehouses": warehouses, "products": products, "party": WALK_IN,
        "rounding_product": ROUNDING,
        "payment_methods": METHODS}
