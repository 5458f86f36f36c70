// Everything that waits for a person.

import { h } from "./dom.js";
import { count, plural, words } from "./format.js";
import { NO_EXCEPTIONS, exception_table, panel, trouble } from "./pieces.js";

const MEANING = {
  conflict: "a key came again with other content",
  rule: "a rule reports something odd",
  refused: "the ERP says that the record is wrong",
  total: "a total is beyond its limit",
  difference: "the ERP holds something else",
  double: "the ERP holds it more than once",
  gap: "numbers of a register have not arrived",
  writers: "two tills are alive under one register's name",
  declared: "a closing declares other totals than were received",
};

function chips(open, chosen) {
  const kinds = Object.keys(MEANING).map((kind) => [
    kind,
    open.filter((e) => e.kind === kind).length,
  ]);
  const chip = (href, on, text, n, title) =>
    h(
      "a",
      { href, class: "chip", title, "aria-current": on ? "true" : null },
      text,
      h("b", {}, ` ${count(n)}`),
    );
  return h(
    "nav",
    { class: "chips", "aria-label": "Kinds of exceptions" },
    chip("#/exceptions", !chosen, "all", open.length),
    kinds
      .filter(([kind, n]) => n > 0 || kind === chosen)
      .map(([kind, n]) =>
        chip(`#/exceptions/${kind}`, kind === chosen, words(kind), n, MEANING[kind]),
      ),
  );
}

export function exceptions_view(state) {
  const open = state.exceptions.data ?? [];
  const kind = state.route.kind;
  const shown = open.filter((e) => !kind || e.kind === kind);
  const total = state.status.data?.exceptions.open ?? open.length;
  return [
    h(
      "div",
      { class: "title", "data-key": "title" },
      h("a", { href: "#/", class: "back" }, "Overview"),
      h("h1", {}, "Exceptions"),
    ),
    h(
      "p",
      { class: "lead", "data-key": "lead" },
      total
        ? `${plural(total, "exception is", "exceptions are")} open. Each has a named cause; everything else goes on.`
        : "Nothing is open.",
    ),
    panel(
      kind ? words(kind) : "Open",
      chips(open, kind),
      trouble("The exceptions", state.exceptions),
      open.length < total &&
        h("p", { class: "note" }, `The newest ${count(open.length)} of ${count(total)} are shown.`),
      exception_table("exceptions", shown, NO_EXCEPTIONS),
    ),
  ];
}
