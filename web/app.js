// The page: where it is (the address's hash), what it knows (state), and when it asks again.

import { show } from "./dom.js";
import { clock, count, duration } from "./format.js";
import { SAMPLES_MAX } from "./pieces.js";
import { exceptions_view } from "./exceptions.js";
import { overview } from "./overview.js";
import { Failure, poll, read, read_all } from "./server.js";
import { store_view } from "./store.js";
import { story } from "./story.js";

const STATUS_MS = 1000;
const LISTS_MS = 2000;

const nothing = () => ({ data: null, error: null });
const no_store = (store) => ({
  store,
  date: null,
  days: nothing(),
  transactions: nothing(),
  exceptions: nothing(),
});

const state = {
  route: { view: "overview" },
  status: nothing(),
  stores: nothing(),
  exceptions: nothing(),
  transactions: nothing(),
  erps: nothing(),
  doors: nothing(),
  store: no_store(null),
  story: { key: null, ...nothing() },
  history: [], // a sample a second, null when there was no answer
  answered_at: 0, // the browser's clock, when the server last answered
  down_since: 0,
  clock_ahead_ms: 0, // the server's clock less the browser's
  store_sort: { by: "transactions", down: true },
  store_filter: "",
  held: false, // the newest transactions stay put while a person points at them
  now: () => Date.now() + state.clock_ahead_ms,
};

const at = (id) => document.getElementById(id);
const drawer = at("drawer");

// --- reading ------------------------------------------------------------------------------------

/* Reads into `resource`; what was known stays when it fails. */
async function refresh(resource, work) {
  try {
    resource.data = await work();
    resource.error = null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    resource.error = error;
  }
}

function sample(status) {
  const { intake, delivery } = status;
  return {
    rate: intake.accepted_per_second,
    p50: delivery.lag_p50_seconds,
    p99: delivery.lag_p99_seconds,
  };
}

async function read_status() {
  await refresh(state.status, () => read("/v1/status"));
  const { data, error } = state.status;
  if (error === null) {
    state.answered_at = Date.now();
    state.down_since = 0;
    state.clock_ahead_ms = Date.parse(data.time) - Date.now();
  } else if (state.down_since === 0) state.down_since = Date.now();
  state.history = [...state.history, error === null ? sample(data) : null].slice(-SAMPLES_MAX);
  draw();
}

function read_transactions() {
  const list = at("transactions");
  state.held = state.route.view === "overview" && Boolean(list?.matches(":hover, :focus-within"));
  if (state.held) return null;
  return refresh(
    state.transactions,
    async () => (await read("/v1/transactions?limit=20")).transactions,
  );
}

function read_overview() {
  return [
    refresh(state.stores, () => read_all("/v1/stores", "stores")),
    refresh(state.erps, async () => (await read("/v1/erps")).erps),
    refresh(state.doors, async () => (await read("/v1/doors")).doors),
    refresh(
      state.exceptions,
      async () => (await read("/v1/exceptions?state=open&limit=100")).exceptions,
    ),
    read_transactions(),
  ];
}

function read_exceptions() {
  return [
    refresh(
      state.exceptions,
      async () => (await read("/v1/exceptions?state=open&limit=1000")).exceptions,
    ),
  ];
}

function read_store() {
  const here = state.store;
  const id = encodeURIComponent(here.store);
  return [
    refresh(here.days, () => read_all(`/v1/stores/${id}/days`, "days")),
    refresh(
      here.transactions,
      async () => (await read(`/v1/transactions?store=${id}&limit=20`)).transactions,
    ),
    refresh(
      here.exceptions,
      async () => (await read(`/v1/exceptions?state=open&store=${id}&limit=100`)).exceptions,
    ),
    refresh(state.stores, () => read_all("/v1/stores", "stores")),
  ];
}

async function read_story() {
  const here = state.story;
  if (here.key === null) return;
  await refresh(here, () =>
    read(`/v1/transactions/${here.key.split("/").map(encodeURIComponent).join("/")}`),
  );
  if (here === state.story) draw_story();
}

const READERS = { overview: read_overview, exceptions: read_exceptions, store: read_store };

async function read_lists() {
  await Promise.all([...READERS[state.route.view](), read_story()]);
  draw();
}

// --- showing ------------------------------------------------------------------------------------

const VIEWS = { overview, exceptions: exceptions_view, store: store_view };

function draw_live() {
  const { data } = state.status;
  const live = at("live");
  const tone = state.down_since ? "down" : !data ? "starting" : data.ready ? "up" : "starting";
  const word = { down: "no answer", up: "live", starting: data ? "starting" : "connecting" }[tone];
  // Written only when it changes, because a screen reader says what is written here.
  const text = data ? `${word} · ${data.mode} · ${data.version}` : word;
  if (live.textContent !== text) live.textContent = text;
  live.className = `live ${tone}`;
}

function draw_banner() {
  const banner = at("banner");
  banner.hidden = state.down_since === 0;
  document.body.classList.toggle("stale", state.down_since !== 0);
  if (banner.hidden) return;
  const { message } = state.status.error;
  const age = state.answered_at
    ? `The numbers below are from ${clock(state.answered_at)}, ${duration(Math.round((Date.now() - state.answered_at) / 1000))} ago.`
    : "There is nothing to show yet.";
  const text = `The server does not answer: ${message}. ${age} It is asked again every second.`;
  if (banner.textContent !== text) banner.textContent = text;
}

function draw_count() {
  const badge = at("open-count");
  const open = state.status.data?.exceptions.open ?? 0;
  badge.hidden = open === 0;
  badge.textContent = open ? count(open) : "";
}

function draw() {
  draw_live();
  draw_banner();
  draw_count();
  show(at("main"), VIEWS[state.route.view](state));
}

function draw_story() {
  show(at("story"), story(state));
}

// --- where ----------------------------------------------------------------------------------------

function parts_of(hash) {
  try {
    return hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return [""]; // a broken escape in the address: the overview
  }
}

function open_story(key) {
  state.story = { key, ...nothing() };
  draw_story();
  if (!drawer.open) drawer.showModal();
  at("story").scrollTop = 0;
  at("drawer-close").focus();
  read_story();
}

function open_view(parts) {
  const [name, ...rest] = parts;
  if (name === "store" && rest[0]) {
    if (state.store.store !== rest[0]) state.store = no_store(rest[0]);
    state.store.date = rest[1] ?? null;
    return { view: "store" };
  }
  if (name === "exceptions") return { view: "exceptions", kind: rest[0] };
  return { view: "overview" };
}

/* The drawer lies over the view it was opened from; the address of that view comes back with it. */
let below = "#/";

function navigate() {
  const parts = parts_of(location.hash);
  if (parts[0] === "t") {
    open_story(parts.slice(1).join("/"));
    return;
  }
  state.story = { key: null, ...nothing() };
  if (drawer.open) drawer.close();
  const before = state.route.view;
  below = location.hash || "#/";
  state.route = open_view(parts);
  for (const link of document.querySelectorAll("nav [data-view]"))
    link.ariaCurrent = link.dataset.view === state.route.view ? "page" : null;
  draw();
  if (before !== state.route.view) window.scrollTo(0, 0);
  lists.wake();
}

function sort_by(table, column) {
  if (table !== "stores") return;
  const { by, down } = state.store_sort;
  state.store_sort = { by: column, down: by === column ? !down : column !== "store" };
  draw();
}

drawer.addEventListener("close", () => {
  if (location.hash.startsWith("#/t/")) location.hash = below;
});
drawer.addEventListener("click", (event) => {
  if (event.target === drawer) drawer.close();
});
at("drawer-close").addEventListener("click", () => drawer.close());
at("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = at("find-key").value.trim().replace(/^\/+/, "");
  if (key) location.hash = `#/t/${key}`;
});
document.addEventListener("click", (event) => {
  const sort = event.target.closest?.("[data-sort]");
  if (sort) sort_by(sort.dataset.table, sort.dataset.sort);
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "store-filter") return;
  state.store_filter = event.target.value;
  draw();
});
window.addEventListener("hashchange", navigate);

poll(STATUS_MS, read_status);
const lists = poll(LISTS_MS, read_lists);
navigate();
