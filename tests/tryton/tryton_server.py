#!/usr/bin/python3
"""A throw-away Tryton on loopback for tests and the demo: SQLite, one process, seeded with a shop
chain's master data. See tryton_seed.py for what it holds.

    tryton_server.py --dir DIR up [--transactions FILE] [--currency GBP] [--port P]
    tryton_server.py --dir DIR status
    tryton_server.py --dir DIR down

`up` may be repeated: what is there stays, what is missing is added. It leaves DIR/ids.json
(address, names and ids) and DIR/connector.pass (mode 600). Creating a database takes about a
minute, so a copy with the master data that every run needs is kept in --cache, and the next new
DIR starts from it within seconds.

Needs the Debian packages tryton-server, tryton-modules-sale, -sale-price-list, -sale-promotion,
-stock-supply, -purchase-request, -account-invoice-stock and -account-stock-continental.
"""
import argparse
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import time

import tryton_seed
from tryton_client import Tryton

MODULES = ["ir", "res", "sale", "sale_price_list", "sale_promotion", "stock_supply",
    "purchase_request", "account_invoice_stock", "account_stock_continental"]
PYTHON = "/usr/bin/python3"  # Debian's own: only it has trytond
DATABASE = "erp"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".cache", "tryton")


def write_private(path, text):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)


def read_text(path):
    with open(path) as f:
        return f.read().strip()


def new_password():
    """Tryton refuses passwords in which many characters repeat, so none does."""
    return "".join(secrets.SystemRandom().sample(string.ascii_letters + string.digits, 24))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.config = self.path("trytond.conf")
        self.database = self.path("db", DATABASE + ".sqlite")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def environment(self):
        return dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8", TRYTOND_CONFIG=self.config,
            TRYTONPASSFILE=self.path("admin.pass"))

    def configure(self, port):
        os.makedirs(self.path("db"), exist_ok=True)
        os.makedirs(self.path("www"), exist_ok=True)
        # The price's decimals are fixed when the database is made.
        write_private(self.config, "\n".join([
            "[web]", "listen = 127.0.0.1:%d" % port, "root = " + self.path("www"),
            "[database]", "uri = sqlite://", "path = " + self.path("db"), "list = False",
            "[session]", "timeout = 86400",
            "[product]", "price_decimal = 6", ""]))
        self.port = port

    def create_database(self):
        write_private(self.path("admin.pass"), new_password() + "\n")
        open(self.database, "w").close()
        with open(self.path("create.log"), "w") as log:
            done = subprocess.run([PYTHON, "/usr/bin/trytond-admin", "-d", DATABASE, "-u",
                *MODULES, "--activate-dependencies", "--email", "admin@example.com"],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if done.returncode != 0:
            os.unlink(self.database)
            raise SystemExit("trytond-admin failed, see " + log.name)

    def process(self):
        """The number of our running trytond, or None."""
        try:
            pid = int(read_text(self.path("trytond.pid")))
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                return pid if self.config.encode() in f.read() else None
        except (OSError, ValueError):
            return None

    def start(self):
        with open(self.path("trytond.log"), "ab") as log:
            child = subprocess.Popen([PYTHON, "/usr/bin/trytond", "-c", self.config,
                "-d", DATABASE], env=self.environment(), cwd="/", stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        write_private(self.path("trytond.pid"), "%d\n" % child.pid)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                return Tryton(self.port, DATABASE).call("common.server.version", path="/")
            except OSError:
                if child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("trytond did not come up, see " + log.name)
                time.sleep(0.1)

    def stop(self):
        pid = self.process()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while self.process() is not None:
            try:
                os.waitpid(pid, os.WNOHANG)  # when it is a child of ours
            except ChildProcessError:
                pass
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        os.unlink(self.path("trytond.pid"))

    def session(self):
        tryton = Tryton(self.port, DATABASE)
        tryton.login("admin", read_text(self.path("admin.pass")))
        return tryton


def template_name(currency):
    """Two databases are alike when these are: modules, their version and what is seeded."""
    version = subprocess.run([PYTHON, "-c", "import trytond; print(trytond.__version__)"],
        capture_output=True, text=True, check=True).stdout.strip()
    mark = hashlib.sha256(json.dumps([MODULES, version, currency]).encode())
    with open(tryton_seed.__file__, "rb") as f:
        mark.update(f.read())
    return "%s-%s-%s" % (version, currency, mark.hexdigest()[:12])


def keep_template(server, folder):
    """The copy is complete or not there: it gets its name last."""
    server.stop()
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    part = "%s.%d" % (folder, os.getpid())
    os.makedirs(part)
    shutil.copyfile(server.database, os.path.join(part, "erp.sqlite"))
    write_private(os.path.join(part, "admin.pass"), read_text(server.path("admin.pass")) + "\n")
    try:
        os.rename(part, folder)
    except OSError:  # another run was quicker
        shutil.rmtree(part)
    alike = os.path.basename(folder).rsplit("-", 1)[0] + "-"
    for name in os.listdir(os.path.dirname(folder)):  # made by an earlier seed
        if name.startswith(alike) and name != os.path.basename(folder) and "." not in name[
                len(alike):]:
            shutil.rmtree(os.path.join(os.path.dirname(folder), name), ignore_errors=True)
    server.start()


def from_template(server, folder):
    shutil.copyfile(os.path.join(folder, "erp.sqlite"), server.database + ".part")
    write_private(server.path("admin.pass"), read_text(os.path.join(folder, "admin.pass")) + "\n")
    os.rename(server.database + ".part", server.database)


def up(server, options):
    def say(text):
        print("tryton: %-42s %5.1f s" % (text, time.monotonic() - begin), flush=True)
    begin = time.monotonic()
    os.makedirs(server.folder, exist_ok=True)
    known = json.loads(read_text(server.path("ids.json"))) if os.path.exists(
        server.path("ids.json")) else {}
    running = server.process() is not None
    port = known["port"] if running else options.port or free_port()
    server.configure(port)
    template = os.path.join(options.cache, template_name(options.currency))
    fresh = not os.path.exists(server.database)
    if fresh and os.path.isdir(template):
        from_template(server, template)
        fresh = False
        say("database copied from the template")
    elif fresh:
        server.create_database()
        say("database created")
    if not running:
        server.start()
        say("trytond answers on port %d" % port)
    tryton = server.session()
    if fresh:
        tryton_seed.seed_base(tryton, options.currency)
        keep_template(server, template)
        tryton = server.session()
        say("company, accounts, taxes seeded")
    seed(server, tryton, options)
    say("ready")


def seed(server, tryton, options):
    shops = tryton_seed.Shops()
    for name in options.transactions or []:
        shops.read_file(name)
    secret = server.path("connector.pass")
    if not os.path.exists(secret):
        write_private(secret, new_password() + "\n")
    ids = tryton_seed.seed_shops(tryton, shops, read_text(secret))
    ids.update(port=server.port, url="http://127.0.0.1:%d" % server.port, database=DATABASE,
        user=tryton_seed.CONNECTOR, password_file=secret, currency=options.currency)
    write_private(server.path("ids.json"), json.dumps(ids, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True, help="everything of this server lives here")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--currency", default="GBP")
    parser.add_argument("--transactions", action="append", metavar="FILE",
        help="NDJSON: a warehouse for each store and a product for each item in it")
    parser.add_argument("--cache", default=CACHE, help="where the template database is kept")
    parser.add_argument("command", choices=["up", "down", "status"])
    options = parser.parse_args()
    server = Server(options.dir)
    if options.command == "up":
        up(server, options)
    elif options.command == "down":
        server.stop()
    else:
        pid = server.process()
        print("trytond is not running" if pid is None else "trytond runs as process %d" % pid)
        return 0 if pid else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
