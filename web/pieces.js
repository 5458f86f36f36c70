// What more than one view draws: badges, links, bars, sparklines, tables.

import { h, svg } from "./dom.js";
import { amount, clock, count, decimal, is_negative, words } from "./format.js";

/* The states a posting, an ERP, a day can be in: the colour and what it means. */
const STATES = {
  planned: ["wait", "waits its turn"],
  called: ["wait", "the ERP is being asked"],
  unknown: ["warn", "sent without an answer; the ERP is asked before anything is sent again"],
  settled: ["done", "the ERP has it; it is not read back yet"],
  agreed: ["good", "read back from the ERP and equal, line by line"],
  waiting: ["wait", "waits for another document of the same transaction"],
  superseded: ["done", "never sent or not standing any more: a newer revision stands"],
  differs: ["bad", "read back from the ERP and not equal"],
  refused: ["bad", "the ERP says that the record is wrong"],
  ok: ["good", "answers"],
  open: ["good", "answers who calls it"],
  running: ["good", "fetches what is there"],
  retrying: ["warn", "cannot be used now; what waits is tried again"],
  stopped: ["bad", "needs a person"],
  receiving: ["wait", "something is still on its way or missing"],
  high: ["bad", "money or goods may be wrong"],
  medium: ["warn", "something has not come yet"],
  low: ["wait", "odd, but plausible"],
};

export function badge(state, text = words(state)) {
  const [tone, title] = STATES[state] ?? ["wait", ""];
  return h("span", { class: `badge ${tone}`, title }, text);
}

export const key_link = (key, text = key, key_class = "key") =>
  h("a", { href: `#/t/${key}`, class: key_class }, text);
export const store_link = (store, title) =>
  h("a", { href: `#/store/${encodeURIComponent(store)}`, class: "key", title }, store);

export function money(text, currency, with_currency = true) {
  if (text === null || text === undefined) return h("span", { class: "faint" }, "–");
  return h(
    "span",
    { class: is_negative(text) ? "money negative" : "money" },
    amount(text, currency),
    with_currency && currency ? h("small", {}, ` ${currency}`) : null,
  );
}

export const quantity = (text) => (text === undefined || text === null ? "" : decimal(text));

/* [{ name, tone, value }] as one stacked bar with its legend. */
export function stacked_bar(parts, label) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const shown = parts.filter((part) => part.value > 0);
  // Even a single refused posting among a million must be seen, so nothing is thinner than 0.6 %.
  const widths = shown.map((part) => Math.max(0.6, (part.value / total) * 100));
  const scale = 100 / widths.reduce((sum, width) => sum + width, 0);
  let x = 0;
  const bars = shown.map((part, i) => {
    const width = widths[i] * scale;
    const rect = svg("rect", {
      class: `fill ${part.tone}`,
      x: x.toFixed(3),
      width: width.toFixed(3),
      height: 8,
      y: 0,
    });
    x += width;
    return rect;
  });
  return h(
    "div",
    { class: "stack" },
    svg(
      "svg",
      { viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": label },
      svg("rect", { class: "fill track", width: 100, height: 8 }),
      bars,
    ),
    h(
      "ul",
      { class: "legend" },
      parts.map((part) =>
        h(
          "li",
          { class: part.value ? null : "none" },
          h("i", { class: `dot ${part.tone}` }),
          `${part.name} `,
          h("b", {}, count(part.value)),
        ),
      ),
    ),
  );
}

const WIDTH = 240;
const HEIGHT = 56;
export const SAMPLES_MAX = 120;

/* Series of numbers (oldest first, null for a second without an answer) over the last two minutes;
 * the newest is at the right edge. */
export function sparkline(series, label, floor = 0) {
  const top = Math.max(floor, ...series.flatMap((s) => s.values.filter((v) => v !== null)));
  const place = (values, i) => {
    const x = WIDTH - (values.length - 1 - i) * (WIDTH / (SAMPLES_MAX - 1));
    const y = HEIGHT - 3 - (top ? (values[i] / top) * (HEIGHT - 10) : 0);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  const shapes = series.flatMap(({ values, tone, area }) =>
    runs(values).map(([from, to]) => {
      const points = [];
      for (let i = from; i < to; i++) points.push(place(values, i));
      const line = `M${points.join("L")}`;
      const left = points[0].split(" ")[0];
      const right = points.at(-1).split(" ")[0];
      return [
        area &&
          svg("path", {
            class: `spark-area ${tone}`,
            d: `${line}L${right} ${HEIGHT}L${left} ${HEIGHT}Z`,
          }),
        svg("path", { class: `spark-line ${tone}`, d: line }),
      ];
    }),
  );
  return svg(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    svg("path", { class: "spark-base", d: `M0 ${HEIGHT - 1}H${WIDTH}` }),
    shapes,
  );
}

/* The stretches of values between gaps, as [from, to). */
function runs(values) {
  const list = [];
  let from = -1;
  for (let i = 0; i <= values.length; i++) {
    const here = i < values.length && values[i] !== null;
    if (here && from < 0) from = i;
    if (!here && from >= 0) {
      list.push([from, i]);
      from = -1;
    }
  }
  return list;
}

/* A table in its own scroll box: it may be wider than the page, the page may not. Columns are
 * { title, number?, sort?, wide?, hint? }; rows are [key, [cells], href?, class?]. */
export function table({ id, label, columns, rows, sorted, empty }) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  const heads = columns.map((column) => {
    const on = sorted && sorted.by === column.sort && column.sort;
    const title = column.sort
      ? h(
          "button",
          { type: "button", "data-sort": column.sort, "data-table": id, class: "sort" },
          column.title,
          h("span", { "aria-hidden": "true" }, on ? (sorted.down ? " ↓" : " ↑") : ""),
        )
      : column.title;
    return h(
      "th",
      {
        scope: "col",
        class: cell_class(column),
        title: column.hint,
        "aria-sort": on ? (sorted.down ? "descending" : "ascending") : null,
      },
      title,
    );
  });
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": label, tabindex: "0" },
    h(
      "table",
      { id },
      h("thead", {}, h("tr", {}, heads)),
      h(
        "tbody",
        {},
        rows.map(([key, cells, row_class]) =>
          h(
            "tr",
            { "data-key": key, class: row_class ?? null },
            cells.map((cell, i) => h("td", { class: cell_class(columns[i]) }, cell)),
          ),
        ),
      ),
    ),
  );
}

const cell_class = (column) =>
  [column.number && "number", column.wide && "wide"].filter(Boolean).join(" ") || null;

/* `table()` rows and columns for the newest transactions, of the chain or of one store. */
export function transaction_table(id, transactions, empty, with_store = true) {
  const columns = [
    { title: "Received", wide: true },
    with_store && { title: "Store" },
    { title: "Number" },
    { title: "Type", wide: true },
    { title: "Lines", number: true, wide: true },
    { title: "Gross", number: true },
    { title: "In the ERP" },
  ].filter(Boolean);
  const rows = transactions.map((t) => [
    // A conflict has the key of the one it conflicts with, so the event tells rows apart.
    String(t.event),
    [
      clock(t.received_at),
      with_store && store_link(t.store),
      key_link(t.key, `${t.register} · ${t.sequence}`, "key row-link"),
      words(t.type),
      count(t.lines),
      money(t.gross, t.currency),
      t.posting
        ? [
            badge(t.posting.state),
            t.posting.document && h("span", { class: "document" }, t.posting.document),
          ]
        : t.conflict
          ? badge("high", "conflict")
          : h("span", { class: "faint" }, "not posted"),
    ].filter((cell) => cell !== false),
    "open",
  ]);
  return table({ id, label: "Newest transactions", columns, rows, empty });
}

export const NO_EXCEPTIONS =
  "Nothing waits for a person. Conflicts, refusals and differences will stand here with their cause.";

/* To the transaction, or to the day of the store when it is about a register's whole day. */
function exception_link(e) {
  const [store, , date, sequence] = e.key.split("/");
  return sequence
    ? key_link(e.key, e.key, "key row-link")
    : h("a", { href: `#/store/${encodeURIComponent(store)}/${date}`, class: "key row-link" }, e.key);
}

export function exception_table(id, exceptions, empty) {
  const columns = [
    { title: "Severity" },
    { title: "Kind", wide: true },
    { title: "What was found" },
    { title: "Amount", number: true },
    { title: "About" },
    { title: "Opened", wide: true },
  ];
  const rows = exceptions.map((e) => [
    e.id,
    [
      badge(e.severity),
      h("span", { title: e.id }, words(e.kind)),
      [h("b", { class: "cause" }, words(e.cause)), h("span", { class: "detail" }, e.detail || "")],
      e.amount ? money(e.amount, e.currency) : h("span", { class: "faint" }, "–"),
      exception_link(e),
      clock(e.opened_at),
    ],
    "open",
  ]);
  return table({ id, label: "Open exceptions", columns, rows, empty });
}

export function panel(title, aside, ...children) {
  const id = `panel-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return h(
    "section",
    { class: "panel", "aria-labelledby": id, "data-key": id },
    h("div", { class: "panel-head" }, h("h2", { id }, title), aside ?? null),
    ...children,
  );
}

/* What stands where a list would be when it could not be read. */
export const trouble = (what, resource) =>
  resource.error && !resource.error.down
    ? h("p", { class: "trouble" }, `${what} could not be read: ${resource.error.message}`)
    : null;
