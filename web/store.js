// One store: its days, what each day's registers sent, and what the ERP holds of them.

import { h } from "./dom.js";
import { count, decimal, plural, words } from "./format.js";
import {
  badge,
  exception_table,
  money,
  panel,
  stacked_bar,
  table,
  transaction_table,
  trouble,
} from "./pieces.js";

const DAY_COLUMNS = [
  { title: "Business date" },
  { title: "State" },
  { title: "Transactions", number: true },
  { title: "Lines", number: true, wide: true },
  {
    title: "Missing",
    number: true,
    hint: "Numbers between a register’s first and last that never came",
  },
  { title: "Gross", number: true },
  { title: "Agreed", number: true, hint: "Postings read back and equal, of all" },
];

const of_all = (p) => Object.values(p).reduce((sum, n) => sum + n, 0) - p.superseded;

function day_row(day, selected) {
  const href = `#/store/${encodeURIComponent(day.store)}/${day.business_date}`;
  return [
    day.business_date,
    [
      h(
        "a",
        {
          href,
          class: "key row-link",
          "aria-current": day.business_date === selected ? "true" : null,
        },
        day.business_date,
      ),
      badge(day.state),
      count(day.transactions),
      count(day.lines),
      day.missing
        ? h("b", { class: "mark warn" }, count(day.missing))
        : h("span", { class: "faint" }, "0"),
      day.totals.map((t) => h("div", {}, money(t.gross, t.currency))),
      `${count(day.postings.agreed)} of ${count(of_all(day.postings))}`,
    ],
    day.business_date === selected ? "open selected" : "open",
  ];
}

function missing_note(register) {
  if (register.missing === 0) return h("span", { class: "faint" }, "none");
  return h("b", { class: "mark warn" }, plural(register.missing, "number", "numbers"));
}

function registers(day) {
  return table({
    id: "registers",
    label: "Registers",
    empty: "No register sent anything that day.",
    columns: [
      { title: "Register" },
      { title: "Transactions", number: true },
      { title: "Numbers" },
      { title: "Missing", number: true },
    ],
    rows: day.registers.map((r) => [
      r.register,
      [
        r.register,
        count(r.transactions),
        `${r.first_sequence} – ${r.last_sequence}`,
        missing_note(r),
      ],
    ]),
  });
}

function totals(day) {
  return table({
    id: "totals",
    label: "Totals",
    empty: "Nothing was sold that day.",
    columns: [
      { title: "Currency" },
      ...["Net", "Tax", "Gross", "Rounding"].map((title) => ({ title, number: true })),
    ],
    rows: day.totals.map((t) => [
      t.currency,
      [
        t.currency,
        ...[t.net, t.tax, t.gross, t.rounding].map((text) => money(text, t.currency, false)),
      ],
    ]),
  });
}

function tenders(day) {
  return table({
    id: "tenders",
    label: "Totals by tender",
    empty: "Nothing was paid that day.",
    columns: [{ title: "Tender" }, { title: "Amount", number: true }],
    rows: day.tenders.map((t) => [
      `${t.kind} ${t.currency}`,
      [words(t.kind), money(t.amount, t.currency)],
    ]),
  });
}

const rate_text = (rate) => (rate === null ? "–" : decimal(rate));

function taxes(day) {
  return table({
    id: "taxes",
    label: "Totals by tax",
    empty: "No tax was charged that day.",
    columns: [
      { title: "Code" },
      { title: "Rate", number: true, hint: "0.20 is 20 %" },
      { title: "Base", number: true },
      { title: "Tax", number: true },
    ],
    rows: day.taxes.map((t) => [
      `${t.code} ${t.rate} ${t.currency}`,
      [t.code, rate_text(t.rate), money(t.base, t.currency), money(t.amount, t.currency)],
    ]),
  });
}

function postings(day) {
  const p = day.postings;
  return stacked_bar(
    [
      { name: "agreed", tone: "good", value: p.agreed },
      { name: "to be read back", tone: "done", value: p.settled },
      { name: "on the way", tone: "wait", value: p.planned + p.called + p.unknown + p.waiting },
      { name: "differ", tone: "bad", value: p.differs },
      { name: "refused", tone: "warn", value: p.refused },
    ],
    "The day’s postings by state",
  );
}

const WHY = {
  agreed:
    "Every number is here, and the ERP holds every posted transaction exactly as the till sold it.",
  differs:
    "The ERP holds something else than the tills sold, or refused it. The exceptions below say what.",
};

function why(day) {
  if (WHY[day.state]) return WHY[day.state];
  if (day.missing)
    return `${plural(day.missing, "number has", "numbers have")} not come from the registers.`;
  return "Some of it is still on its way to the ERP or waits to be read back.";
}

function day_panel(day) {
  return panel(
    `Day ${day.business_date}`,
    badge(day.state),
    h("p", { class: "lead" }, why(day)),
    postings(day),
    h(
      "div",
      { class: "quarters" },
      h("div", {}, h("h3", {}, "Totals"), totals(day)),
      h("div", {}, h("h3", {}, "Registers"), registers(day)),
      h("div", {}, h("h3", {}, "By tender"), tenders(day)),
      h("div", {}, h("h3", {}, "By tax"), taxes(day)),
    ),
  );
}

function facts(summary) {
  if (!summary) return null;
  const list = [
    ["ERP", summary.erp ?? "none"],
    ["transactions", count(summary.transactions)],
    ["lines", count(summary.lines)],
    ["returns", count(summary.returns)],
    ["net", money(summary.net, summary.currency)],
    ["waiting", count(summary.waiting)],
    ["agreed", count(summary.agreed)],
  ];
  return h(
    "dl",
    { class: "facts", "data-key": "facts" },
    list.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

export function store_view(state) {
  const { store, date, days, transactions, exceptions } = state.store;
  const summary = (state.stores.data ?? []).find((s) => s.store === store);
  const head = h(
    "div",
    { class: "title", "data-key": "title" },
    h("a", { href: "#/", class: "back" }, "Overview"),
    h("h1", {}, h("small", {}, "Store "), store),
  );
  if (days.error?.status === 404 || days.data?.length === 0)
    return [
      head,
      h("p", { class: "empty", "data-key": "none" }, `No store ${store} has ever sent anything.`),
    ];
  if (!days.data)
    return [
      head,
      trouble("The days", days) ??
        h("p", { class: "empty", "data-key": "wait" }, "Reading the store’s days …"),
    ];
  const list = days.data.toReversed();
  const chosen = list.find((d) => d.business_date === date) ?? list[0];
  return [
    head,
    facts(summary),
    panel(
      "Days",
      h("span", { class: "faint" }, plural(list.length, "day", "days")),
      trouble("The days", days),
      table({
        id: "days",
        label: "Days",
        columns: DAY_COLUMNS,
        rows: list.map((d) => day_row(d, chosen?.business_date)),
        empty: "No day yet.",
      }),
    ),
    chosen ? day_panel(chosen) : null,
    panel(
      "Exceptions",
      null,
      trouble("The exceptions", exceptions),
      exception_table(
        "exceptions",
        exceptions.data ?? [],
        "Nothing of this store waits for a person.",
      ),
    ),
    panel(
      "Newest transactions",
      null,
      trouble("The transactions", transactions),
      transaction_table(
        "transactions",
        transactions.data ?? [],
        "This store has sent nothing yet.",
        false,
      ),
    ),
  ].filter(Boolean);
}
