// The peer of the benchmark: the service a retailer's own team would write in an afternoon. Node's
// http with keep-alive and better-sqlite3, prepared statements, WAL with synchronous=FULL, and for
// every sale one durable transaction with the whole write set: the sale, its stock, its ledger
// entries and its posting. It checks identity and totals, and nothing more.
//
//   node server.mjs DATABASE PORT
import { createHash } from 'node:crypto';
import http from 'node:http';
import Database from 'better-sqlite3';

const [, , path, port] = process.argv;
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`
  CREATE TABLE sale (id INTEGER PRIMARY KEY, store TEXT NOT NULL, register TEXT NOT NULL,
    business_date TEXT NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL, body TEXT NOT NULL,
    received_at TEXT NOT NULL, UNIQUE (store, register, business_date, sequence));
  CREATE TABLE stock (location TEXT, item TEXT, thousandths INTEGER NOT NULL,
    PRIMARY KEY (location, item)) WITHOUT ROWID;
  CREATE TABLE ledger (sale INTEGER, line INTEGER, account TEXT, debit INTEGER, credit INTEGER,
    currency TEXT, PRIMARY KEY (sale, line)) WITHOUT ROWID;
  CREATE TABLE posting (sale INTEGER PRIMARY KEY, erp TEXT NOT NULL, state TEXT NOT NULL);
`);

const find = db.prepare(`SELECT id, hash FROM sale
  WHERE store = ? AND register = ? AND business_date = ? AND sequence = ?`);
const insert = db.prepare(`INSERT INTO sale
  (store, register, business_date, sequence, hash, body, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)`);
const move = db.prepare(`INSERT INTO stock (location, item, thousandths) VALUES (?, ?, ?)
  ON CONFLICT (location, item) DO UPDATE SET thousandths = thousandths + excluded.thousandths`);
const enter = db.prepare(`INSERT INTO ledger (sale, line, account, debit, credit, currency)
  VALUES (?, ?, ?, ?, ?, ?)`);
const plan = db.prepare(`INSERT INTO posting (sale, erp, state) VALUES (?, 'erp', 'planned')`);

// "15.30" as 1530: exact, whatever the number of decimals up to `digits`.
function scaled(text, digits) {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const value = Number(whole + fraction.padEnd(digits, '0'));
  return sign ? -value : value;
}

function check(sale) {
  const gross = scaled(sale.totals.gross, 2);
  const lines = sale.lines.reduce((sum, line) => sum + scaled(line.amount, 2), 0);
  const paid = sale.tenders.reduce((sum, tender) =>
    sum + scaled(tender.amount, 2) - scaled(tender.change ?? '0', 2), 0);
  return lines === gross && paid === gross;
}

const keep = db.transaction((sale, body, hash) => {
  const key = [sale.store, sale.register, sale.business_date, sale.sequence];
  const known = find.get(key);
  if (known) return { status: known.hash.equals(hash) ? 200 : 409, id: known.id };
  const id = insert.run(...key, hash, body, new Date().toISOString()).lastInsertRowid;
  for (const line of sale.lines) move.run(sale.store, line.item, -scaled(line.quantity, 3));
  const { net, tax, gross } = sale.totals;
  enter.run(id, 1, 'cash', scaled(gross, 2), 0, sale.currency);
  enter.run(id, 2, 'revenue', 0, scaled(net, 2), sale.currency);
  enter.run(id, 3, 'tax', 0, scaled(tax, 2), sale.currency);
  plan.run(id);
  return { status: 201, id };
});

function answer(response, status, content) {
  const text = JSON.stringify(content);
  response.writeHead(status, { 'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function receive(bytes, response) {
  try {
    const sale = JSON.parse(bytes.toString('utf8'));
    if (!check(sale)) return answer(response, 422, { title: 'the amounts do not add up' });
    const hash = createHash('sha256').update(bytes).digest();
    const { status, id } = keep(sale, bytes.toString('utf8'), hash);
    answer(response, status, { status: 'accepted', receipt: String(id), duplicate: status === 200 });
  } catch (error) {
    answer(response, 400, { title: error.message });
  }
}

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return answer(response, 200, { status: 'ok' });
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => receive(Buffer.concat(pieces), response));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.closeAllConnections();
    server.close(() => { db.close(); process.exit(0); });
  });
}
