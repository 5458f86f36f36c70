// Elements without innerHTML, and an update in place that keeps focus, selection and scroll.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  element.append(
    ...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false),
  );
  return element;
}

/* h("td", { class: "number" }, "12"): texts become text nodes, so data can never be markup. */
export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

const key_of = (node) => node.dataset?.key;

function same_kind(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key_of(a) === key_of(b);
}

function morph_attributes(old, next) {
  for (const { name } of [...old.attributes])
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function morph_children(old, next) {
  const wanted = new Set([...next.childNodes].map(key_of).filter(Boolean));
  const known = new Map();
  // What vanished goes first: what stays is then in its place already and need not be moved, and a
  // node that is not moved keeps its focus.
  for (const child of [...old.childNodes]) {
    const key = key_of(child);
    if (key === undefined) continue;
    if (wanted.has(key)) known.set(key, child);
    else child.remove();
  }
  let cursor = old.firstChild;
  for (const child of [...next.childNodes]) {
    const key = key_of(child);
    const match =
      key === undefined ? (cursor && same_kind(cursor, child) ? cursor : null) : known.get(key);
    if (!match) {
      old.insertBefore(child, cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else old.insertBefore(match, cursor);
    morph(match, child);
  }
  while (cursor) {
    const after = cursor.nextSibling;
    cursor.remove();
    cursor = after;
  }
}

function morph(old, next) {
  if (!same_kind(old, next)) old.replaceWith(next);
  else if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
  } else {
    morph_attributes(old, next);
    // What a person types belongs to them.
    if (old.nodeName !== "INPUT" && old.nodeName !== "SELECT") morph_children(old, next);
  }
}

/* Makes the children of `place` look like `children`. */
export function show(place, ...children) {
  const next = place.cloneNode(false);
  next.append(...children.flat(Infinity).filter(Boolean));
  const focused = document.activeElement;
  morph_children(place, next);
  if (focused !== document.activeElement && place.contains(focused))
    focused.focus({ preventScroll: true });
}
