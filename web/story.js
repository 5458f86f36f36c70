// One transaction with its whole story, in the drawer.

import { h } from "./dom.js";
import { amount, clock, decimal, duration, is_zero, moment, plural, words } from "./format.js";
import { badge, money, quantity, store_link, table } from "./pieces.js";

const WHAT = {
  received: "Received and durable",
  intent: "Intent written",
  answer: "The ERP answered",
  read_back: "Read back",
  conflict: "Came with other content",
  revision: "Another revision",
};

const section = (title, ...children) =>
  h("section", { "data-key": title }, h("h3", {}, title), ...children);

function head(s) {
  const t = s.transaction;
  return h(
    "div",
    { class: "story-head", "data-key": "head" },
    h("p", { class: "story-key" }, s.key),
    h(
      "p",
      {},
      h("b", {}, words(s.type)),
      " at register ",
      h("b", {}, t.register),
      " of ",
      store_link(t.store),
      " on ",
      h("b", {}, t.business_date),
      s.revisions.length > 1 ? `, revision ${s.revision} of ${s.revisions.length} received ` : "",
      s.revisions.length > 1 ? badge(s.state) : null,
    ),
    h(
      "p",
      { class: "story-total" },
      t.totals ? money(t.totals.gross?.toString(), t.currency) : "no amount",
      " ",
      s.postings.map((p) => badge(p.state)),
    ),
  );
}

/* What a line calls itself, and what was special about it. */
function line_name(line) {
  const notes = [
    line.kind !== "sale" && words(line.kind),
    line.gtin && `GTIN ${line.gtin}`,
    line.of &&
      `returns ${line.of.store}/${line.of.register}/${line.of.business_date}/${line.of.sequence}, line ${line.of.line}`,
    ...(line.discounts ?? []).map(
      (d) => `discount ${decimal(String(d.amount))}${d.promotion ? ` (${d.promotion})` : ""}`,
    ),
    ...(line.taxes ?? []).map((x) => `tax ${x.code} ${decimal(String(x.amount))}`),
  ].filter(Boolean);
  return [
    h("span", { class: "item" }, line.item ?? "–"),
    " ",
    line.description ?? "",
    notes.length ? h("small", {}, notes.join(" · ")) : null,
  ];
}

const text = (value) => (value === undefined || value === null ? undefined : String(value));

function receipt_lines(t) {
  return h(
    "table",
    { class: "receipt-lines" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "Item"),
        h("th", { scope: "col", class: "number" }, "Quantity"),
        h("th", { scope: "col", class: "number" }, "Price"),
        h("th", { scope: "col", class: "number" }, "Amount"),
      ),
    ),
    h(
      "tbody",
      {},
      t.lines.map((line) =>
        h(
          "tr",
          { "data-key": `line ${line.number}` },
          h("td", {}, line_name(line)),
          h("td", { class: "number" }, quantity(text(line.quantity))),
          h("td", { class: "number" }, amount(text(line.unit_price) ?? "", t.currency)),
          h("td", { class: "number" }, money(text(line.amount), t.currency, false)),
        ),
      ),
    ),
  );
}

function sums(t) {
  const rows = [
    ["Net", t.totals?.net],
    ["Tax", t.totals?.tax],
    ["Gross", t.totals?.gross, "strong"],
    ["Rounding", is_zero(text(t.totals?.rounding)) ? undefined : t.totals.rounding],
    ...(t.tenders ?? []).flatMap((x) => [
      [`Paid, ${words(x.kind)}`, x.amount],
      ["Change", x.change === undefined || is_zero(text(x.change)) ? undefined : x.change],
    ]),
  ];
  return h(
    "dl",
    { class: "sums" },
    rows
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value, strong]) =>
        h(
          "div",
          { class: strong ?? null },
          h("dt", {}, name),
          h("dd", {}, money(text(value), t.currency)),
        ),
      ),
  );
}

function receipt(s) {
  const t = s.transaction;
  if (!t.lines?.length)
    return section(
      "Receipt",
      h(
        "p",
        { class: "empty" },
        `A ${words(s.type)} has no lines. It was sent so that the register’s numbers have no gap.`,
      ),
    );
  return section(
    "Receipt",
    h(
      "div",
      { class: "receipt" },
      receipt_lines(t),
      sums(t),
      t.reason && h("p", { class: "note" }, t.reason),
    ),
  );
}

function differences(posting, currency) {
  if (!posting.differences.length) return null;
  return table({
    id: "differences",
    label: "Differences",
    empty: "",
    columns: [
      { title: "Cause" },
      { title: "Till" },
      { title: "ERP" },
      { title: "Difference", number: true },
    ],
    rows: posting.differences.map((d, i) => [
      `${i}`,
      [
        [
          h("b", { class: "cause" }, words(d.cause)),
          d.pointer && h("span", { class: "detail" }, d.pointer),
        ],
        d.ours,
        d.theirs,
        is_zero(d.amount) ? "" : money(d.amount, currency),
      ],
    ]),
  });
}

function posting(p, currency) {
  const facts = [
    ["our id there", p.external_id],
    ["attempts", String(p.attempts)],
    ["lag", p.lag_seconds === null ? "–" : duration(p.lag_seconds)],
    ["called", clock(p.called_at)],
    ["answered", clock(p.settled_at)],
    ["compared", clock(p.agreed_at)],
  ];
  return h(
    "article",
    { class: "posting", "data-key": p.external_id },
    h(
      "div",
      { class: "erp-head" },
      h(
        "p",
        { class: "document-number" },
        p.document ?? "no document yet",
        h("small", {}, ` in ${p.erp}${p.reversal ? ", a reversal" : ""}`),
      ),
      badge(p.state),
    ),
    p.detail && h("p", { class: "detail" }, p.detail),
    h(
      "dl",
      {},
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    differences(p, currency),
  );
}

function postings(s) {
  return section(
    "In the ERP",
    s.postings.length
      ? s.postings.map((p) => posting(p, s.transaction.currency))
      : h("p", { class: "empty" }, "No ERP receives a document for this one."),
  );
}

function timeline(s) {
  const start = Date.parse(s.received_at);
  return section(
    "Timeline",
    h(
      "ol",
      { class: "timeline" },
      s.story.map((e, i) =>
        h(
          "li",
          { class: e.what, "data-key": `step ${i}` },
          h("b", {}, WHAT[e.what] ?? words(e.what)),
          h(
            "time",
            { datetime: e.at, title: moment(e.at) },
            `+${duration((Date.parse(e.at) - start) / 1000)}`,
          ),
          h("span", { class: "detail" }, e.detail ?? "", h("small", {}, ` event ${e.event}`)),
        ),
      ),
    ),
  );
}

function findings(s) {
  if (!s.findings.length && !s.exceptions.length) return null;
  return section(
    "Findings",
    h(
      "ul",
      { class: "findings" },
      s.findings.map((f) =>
        h(
          "li",
          {},
          h("b", { class: "cause" }, f.rule),
          " ",
          f.pointer && h("code", {}, f.pointer),
          " ",
          f.detail,
        ),
      ),
    ),
    s.exceptions.length
      ? h(
          "p",
          { class: "note" },
          `${plural(s.exceptions.length, "open exception", "open exceptions")}: ${s.exceptions.join(", ")} · `,
          h("a", { href: "#/exceptions" }, "all exceptions"),
        )
      : null,
  );
}

function effects(s) {
  return section(
    "Stock and books",
    h(
      "div",
      { class: "halves" },
      table({
        id: "stock",
        label: "Stock effect",
        empty: "No goods moved.",
        columns: [{ title: "Item" }, { title: "Stock", number: true }],
        rows: s.stock.map((x) => [
          x.item,
          [x.item, (x.change.startsWith("-") || is_zero(x.change) ? "" : "+") + decimal(x.change)],
        ]),
      }),
      table({
        id: "ledger",
        label: "Ledger entries",
        empty: "Nothing was booked.",
        columns: [
          { title: "Account" },
          { title: "Debit", number: true },
          { title: "Credit", number: true },
        ],
        rows: s.ledger.map((x, i) => [
          `${i}`,
          [
            [words(x.account), x.tax_code ? h("small", {}, ` ${x.tax_code}`) : null],
            ...[x.debit, x.credit].map((side) => (is_zero(side) ? "" : money(side, x.currency))),
          ],
        ]),
      }),
    ),
  );
}

export function story(state) {
  const { key, data, error } = state.story;
  if (error?.status === 404)
    return [
      h(
        "p",
        { class: "empty", "data-key": "none" },
        `No transaction ${key} was ever received. A key is store/register/date/number, as in 0042/03/2026-11-23/18277.`,
      ),
    ];
  if (!data)
    return [
      h(
        "p",
        { class: error ? "trouble" : "empty", "data-key": "wait" },
        error ? `The story could not be read: ${error.message}.` : "Reading its story …",
      ),
    ];
  return [
    head(data),
    timeline(data),
    postings(data),
    findings(data),
    receipt(data),
    effects(data),
    h(
      "p",
      { class: "note", "data-key": "receipt" },
      `Received ${moment(data.received_at)} as event ${data.event}, receipt ${data.receipt}`,
    ),
  ].filter(Boolean);
}
