// The first view: the state of the spine now.

import { h } from "./dom.js";
import { bytes, count, duration, percent, plural, rate, words } from "./format.js";
import {
  NO_EXCEPTIONS,
  SAMPLES_MAX,
  badge,
  key_link,
  money,
  panel,
  sparkline,
  stacked_bar,
  store_link,
  table,
  transaction_table,
  trouble,
} from "./pieces.js";

/* From here on lag and the share of errors are shown in red. */
const LAG_LATE_SECONDS = 120;
const ERRORS_MANY_PERCENT = 0.1;

const waiting = (d) => d.planned + d.called + d.unknown + d.waiting;
const posted = (d) => d.settled + d.agreed + d.differs;

function tile(id, title, value, note, extra = {}) {
  return h(
    "div",
    { class: `tile ${extra.class ?? ""} ${extra.tone ?? ""}`, id: `tile-${id}` },
    h("h3", {}, title),
    h("p", { class: "value" }, value),
    note && h("p", { class: "note" }, note),
    extra.picture,
  );
}

function lag_tile({ delivery }, history) {
  const late = delivery.lag_seconds > LAG_LATE_SECONDS;
  return h(
    "div",
    { class: `tile big ${late ? "bad" : ""}`, id: "tile-lag" },
    h("h3", {}, "Lag, receipt to ERP"),
    h(
      "div",
      { class: "values" },
      h(
        "p",
        { class: "value", id: "lag-p50" },
        duration(delivery.lag_p50_seconds),
        h("small", {}, "half within"),
      ),
      h(
        "p",
        { class: "value second", id: "lag-p99" },
        duration(delivery.lag_p99_seconds),
        h("small", {}, "99 % within"),
      ),
      h(
        "p",
        { class: "value second", id: "lag-oldest" },
        duration(delivery.lag_seconds),
        h("small", {}, "oldest waiting"),
      ),
    ),
    h(
      "p",
      { class: "note" },
      late
        ? "The oldest posting waits longer than 2 minutes."
        : "Last 60 seconds; late from 2 minutes on.",
    ),
    sparkline(
      [
        { values: history.map((s) => s && s.p99), tone: "faded" },
        { values: history.map((s) => s && s.p50), tone: "accent", area: true },
      ],
      "Lag over the last two minutes: median and 99th percentile",
      0.2,
    ),
  );
}

function tiles(status, history) {
  const { intake, delivery, exceptions, errors } = status;
  const sent = posted(delivery);
  return h(
    "section",
    { class: "tiles", "aria-label": "Key figures", "data-key": "tiles" },
    tile(
      "rate",
      "Accepted per second",
      rate(intake.accepted_per_second),
      `Average of 10 seconds, shown over ${SAMPLES_MAX / 60} minutes.`,
      {
        class: "big",
        picture: sparkline(
          [{ values: history.map((s) => s && s.rate), tone: "accent", area: true }],
          "Accepted transactions per second over the last two minutes",
          1,
        ),
      },
    ),
    lag_tile(status, history),
    tile(
      "accepted",
      "Accepted",
      count(intake.accepted),
      `${count(intake.duplicates)} sent again, kept once`,
    ),
    tile(
      "posted",
      "Posted",
      count(sent),
      waiting(delivery) ? `${count(waiting(delivery))} on their way` : "nothing waits",
    ),
    tile(
      "agreed",
      "Agreed",
      count(delivery.agreed),
      delivery.settled ? `${count(delivery.settled)} to be read back` : "all read back",
      { tone: delivery.agreed > 0 && delivery.agreed === sent ? "good" : "" },
    ),
    tile(
      "exceptions",
      "Exceptions",
      count(exceptions.open),
      exceptions.open
        ? h(
            "a",
            { href: "#/exceptions" },
            exceptions.open === 1 ? "waits for a person" : "wait for a person",
          )
        : "nothing to decide",
      { tone: exceptions.open ? "warn" : "good" },
    ),
    tile(
      "errors",
      "Errors",
      percent(errors.percent),
      `${count(errors.requests_refused)} refused; too many from ${percent(ERRORS_MANY_PERCENT)} on`,
      { tone: errors.percent >= ERRORS_MANY_PERCENT ? "bad" : "" },
    ),
  );
}

function station(id, name, value, unit, notes, moving, last = false) {
  return h(
    "li",
    { class: `station ${moving ? "moving" : ""} ${last ? "last" : ""}`, id: `flow-${id}` },
    h("span", { class: "pier", "aria-hidden": "true" }),
    h("h3", {}, name),
    h("p", { class: "value" }, value, h("small", {}, ` ${unit}`)),
    notes.filter(Boolean).map((note) => h("p", { class: "note" }, note)),
  );
}

/* The bridge: what has passed each pier between the register and the ERP. */
function flow({ intake, journal, apply, delivery, stores }, erps) {
  const moving = intake.accepted_per_second > 0;
  const settling = delivery.settled_per_second > 0;
  const names = (erps ?? []).map((erp) => erp.name).join(", ");
  return panel(
    "From the register to the ERP",
    null,
    h(
      "ol",
      { class: "flow" },
      station(
        "registers",
        "Registers",
        count(stores),
        stores === 1 ? "store" : "stores",
        [
          `${rate(intake.accepted_per_second)} a second`,
          intake.refused > 0 && `${count(intake.refused)} refused`,
        ],
        moving,
      ),
      station(
        "journal",
        "Journal",
        count(journal.durable_event),
        "durable events",
        [
          `${bytes(journal.bytes)} in ${plural(journal.segments, "segment", "segments")}`,
          intake.conflicts > 0 && plural(intake.conflicts, "conflict kept", "conflicts kept"),
        ],
        moving,
      ),
      station(
        "books",
        "Stock and books",
        count(apply.event),
        "applied",
        [
          apply.behind
            ? `${count(apply.behind)} behind, ${duration(apply.behind_seconds)}`
            : "up to date",
        ],
        moving || apply.behind > 0,
      ),
      station(
        "delivery",
        "On the way",
        count(waiting(delivery)),
        "waiting",
        [
          `${rate(delivery.settled_per_second)} a second`,
          delivery.unknown > 0 && `${count(delivery.unknown)} without an answer`,
        ],
        settling,
      ),
      station(
        "erp",
        (erps ?? []).length > 1 ? "ERPs" : "ERP",
        count(posted(delivery)),
        "posted",
        [`${count(delivery.agreed)} read back and equal`, names],
        settling,
        true,
      ),
    ),
    stacked_bar(posting_parts(delivery), "Postings by state"),
  );
}

const posting_parts = (d) => [
  { name: "agreed", tone: "good", value: d.agreed },
  { name: "posted, to be read back", tone: "done", value: d.settled },
  { name: "on the way", tone: "wait", value: waiting(d) },
  { name: "differ", tone: "bad", value: d.differs },
  { name: "refused", tone: "warn", value: d.refused },
];

const STORE_COLUMNS = [
  { title: "Store", sort: "store" },
  { title: "Transactions", sort: "transactions", number: true },
  { title: "Lines", sort: "lines", number: true, wide: true },
  { title: "Returns", sort: "returns", number: true, wide: true },
  { title: "Net", sort: "net", number: true },
  {
    title: "Waiting",
    sort: "waiting",
    number: true,
    hint: "Postings that the ERP has not got yet",
  },
  { title: "To read back", sort: "settled", number: true, wide: true },
  { title: "Agreed", sort: "agreed", number: true, wide: true },
  { title: "Refused", sort: "refused", number: true, wide: true },
  { title: "Exceptions", sort: "exceptions", number: true },
  {
    title: "Last sale",
    sort: "last_received_at",
    number: true,
    wide: true,
    hint: "Age of the newest transaction",
  },
];

/* Only to put rows in order; what is shown is the text itself. */
const weight = (value) =>
  typeof value === "string" && /^-?[\d.]+$/.test(value) ? Number(value) : (value ?? "");

export function sort_stores(stores, { by, down }) {
  const compare = (a, b) => {
    const [x, y] = by === "store" ? [a.store, b.store] : [weight(a[by]), weight(b[by])];
    return (x < y ? -1 : x > y ? 1 : 0) || (a.store < b.store ? -1 : 1);
  };
  return stores.toSorted((a, b) => (down ? compare(b, a) : compare(a, b)));
}

function store_row(s, now) {
  const calm = (n, tone) =>
    n ? h("b", { class: `mark ${tone}` }, count(n)) : h("span", { class: "faint" }, "0");
  return [
    s.store,
    [
      store_link(s.store, s.erp ? `Posted to ${s.erp}` : "Posted to no ERP"),
      count(s.transactions),
      count(s.lines),
      count(s.returns),
      money(s.net, s.currency),
      calm(s.waiting, "wait"),
      calm(s.settled, "done"),
      count(s.agreed),
      calm(s.refused, "bad"),
      calm(s.exceptions, "warn"),
      duration((now - Date.parse(s.last_received_at)) / 1000),
    ],
  ];
}

function stores_panel(state) {
  const all = state.stores.data ?? [];
  const wanted = state.store_filter.trim().toLowerCase();
  const found = all.filter((s) => s.store.toLowerCase().includes(wanted));
  const filter = h(
    "label",
    { class: "filter" },
    h("span", { class: "hidden" }, "Filter stores"),
    h("input", {
      type: "search",
      id: "store-filter",
      placeholder: "Filter stores",
      autocomplete: "off",
    }),
  );
  const aside = h(
    "div",
    { class: "aside" },
    h(
      "span",
      { class: "faint" },
      wanted
        ? `${count(found.length)} of ${count(all.length)}`
        : plural(all.length, "store", "stores"),
    ),
    filter,
  );
  return panel(
    "Stores",
    aside,
    trouble("The stores", state.stores),
    table({
      id: "stores",
      label: "Stores",
      columns: STORE_COLUMNS,
      sorted: state.store_sort,
      rows: sort_stores(found, state.store_sort).map((s) => store_row(s, state.now())),
      empty: all.length
        ? `No store’s name contains “${state.store_filter.trim()}”.`
        : "No store has sent anything yet. The first transaction makes its store appear here.",
    }),
  );
}

function erp_card(erp, now) {
  const retry_ms = erp.retry_at ? Date.parse(erp.retry_at) - now : 0;
  const facts = [
    ["waiting", count(waiting(erp))],
    ["oldest", erp.lag_seconds ? duration(erp.lag_seconds) : "–"],
    [
      "last answer",
      erp.last_answer_at
        ? `${duration((now - Date.parse(erp.last_answer_at)) / 1000)} ago`
        : "none yet",
    ],
    [
      "next try",
      erp.retry_at ? (retry_ms > 0 ? `in ${duration(Math.ceil(retry_ms / 1000))}` : "now") : "–",
    ],
  ];
  return h(
    "article",
    { class: "erp", "data-key": erp.name },
    h(
      "div",
      { class: "erp-head" },
      h("h3", {}, erp.name, h("small", {}, ` ${erp.connector}`)),
      badge(erp.state),
    ),
    erp.detail && h("p", { class: "detail" }, erp.detail),
    h(
      "dl",
      {},
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    stacked_bar(posting_parts(erp), `Postings to ${erp.name} by state`),
  );
}

function erp_panel(state) {
  const erps = state.erps.data ?? [];
  return panel(
    "ERPs",
    null,
    trouble("The ERPs", state.erps),
    erps.length
      ? h(
          "div",
          { class: "erps" },
          erps.map((erp) => erp_card(erp, state.now())),
        )
      : h(
          "p",
          { class: "empty" },
          "No ERP is connected: sales are kept, stock and books are right, nothing is posted.",
        ),
  );
}

function door_card(door, now) {
  const called = door.path !== undefined;
  const facts = [
    called ? ["messages", count(door.messages)] : ["waiting", count(door.lag)],
    ["accepted", count(door.accepted)],
    ["known already", count(door.duplicates)],
    ["refused", count(door.refused + (door.unauthenticated ?? 0))],
  ];
  return h(
    "article",
    { class: "erp door", "data-key": door.name },
    h(
      "div",
      { class: "erp-head" },
      h("h3", {}, door.name, h("small", {}, ` ${door.door}`)),
      badge(door.state),
    ),
    door.last_error &&
      h(
        "p",
        { class: "detail" },
        `${duration((now - Date.parse(door.last_error_at)) / 1000)} ago: ${door.last_error}`,
      ),
    h(
      "dl",
      {},
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

/* Most servers have the REST door alone, which the tiles count. */
function door_panel(state) {
  const doors = state.doors.data ?? [];
  if (doors.length === 0) return null;
  return panel(
    "Doors",
    null,
    trouble("The doors", state.doors),
    h(
      "div",
      { class: "erps" },
      doors.map((door) => door_card(door, state.now())),
    ),
  );
}

function exception_list(open) {
  if (open.length === 0) return h("p", { class: "empty" }, NO_EXCEPTIONS);
  return h(
    "ul",
    { class: "exceptions" },
    open.map((e) =>
      h(
        "li",
        { "data-key": e.id, class: "open" },
        h(
          "p",
          { class: "exception-head" },
          badge(e.severity),
          h("b", { class: "cause" }, words(e.cause)),
          key_link(e.key, e.key, "key row-link"),
          e.amount ? money(e.amount, e.currency) : null,
        ),
        h("p", { class: "detail" }, e.detail || ""),
      ),
    ),
  );
}

function exceptions_panel(state) {
  const open = state.exceptions.data ?? [];
  const total = state.status.data.exceptions.open;
  return panel(
    "Exceptions",
    total ? h("a", { href: "#/exceptions" }, `all ${count(total)}`) : null,
    trouble("The exceptions", state.exceptions),
    exception_list(open.slice(0, 6)),
  );
}

function transactions_panel(state) {
  const note = h(
    "span",
    { class: "faint", id: "held" },
    state.held ? "held while you read" : "live",
  );
  return panel(
    "Newest transactions",
    note,
    trouble("The transactions", state.transactions),
    transaction_table(
      "transactions",
      state.transactions.data ?? [],
      "Nothing has been received yet. Send a sale to POST /v1/transactions and it will be here within a second.",
    ),
  );
}

export function overview(state) {
  const status = state.status.data;
  if (!status)
    return [h("p", { class: "empty", "data-key": "empty" }, "Reading the server’s state …")];
  return [
    h("h1", { class: "hidden", "data-key": "title" }, "Overview"),
    tiles(status, state.history),
    flow(status, state.erps.data),
    h(
      "div",
      { class: "columns", "data-key": "columns" },
      transactions_panel(state),
      h("div", { class: "rows" }, erp_panel(state), door_panel(state), exceptions_panel(state)),
    ),
    stores_panel(state),
  ];
}
