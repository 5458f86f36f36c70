// Goal: the dashboard shows what the API says, to the keyboard and to a phone too, and says so when
// it cannot. Method: Chromium on a running server with data (TILLBRIDGE_URL). The server may be at
// work meanwhile, so the page is held to the answers that it was given itself, which are recorded.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, base, launch } from "./browser.mjs";

const WAIT_MS = 15000;
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/* A page with what it asked for, was answered and complained about. */
async function open(hash = "#/", options = {}) {
  const context = await browser.newContext({
    locale: "en-GB",
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const seen = { addresses: [], complaints: [], answers: new Map() };
  page.on("request", (request) => seen.addresses.push(request.url()));
  page.on(
    "console",
    (message) =>
      ["error", "warning"].includes(message.type()) && seen.complaints.push(message.text()),
  );
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (!pathname.startsWith("/v1/")) return;
    const answer = await response.json().catch(() => null);
    seen.answers.set(pathname, [...(seen.answers.get(pathname) ?? []), answer].slice(-5));
  });
  await page.goto(`${base}/${hash}`);
  return { context, page, seen };
}

/* Asks until `claim` holds for what the page shows and one of its newest answers of `path`. */
async function agrees(seen, path, look, claim) {
  const until = Date.now() + WAIT_MS;
  let shown;
  do {
    shown = await look();
    if ((seen.answers.get(path) ?? []).some((answer) => answer && claim(answer, shown))) return;
  } while (Date.now() < until);
  const newest = seen.answers.get(path)?.at(-1);
  assert.fail(
    `the page shows ${JSON.stringify(shown)}, ${path} said ${JSON.stringify(newest).slice(0, 600)}`,
  );
}

const grouped = (n) => new Intl.NumberFormat("en-GB").format(n);
const text = (page, selector) => page.locator(selector).innerText();

test("tiles show the numbers of /v1/status", async () => {
  const { context, page, seen } = await open();
  await page.waitForSelector("#tile-accepted");
  const value = (id) => page.textContent(`#tile-${id} .value`);
  const posted = ({ delivery: d }) => grouped(d.settled + d.agreed + d.differs);
  // One evaluation, so that all tiles are of one moment.
  const look = () =>
    page.$$eval(
      "#tile-accepted .value, #tile-posted .value, #tile-agreed .value, #tile-exceptions .value",
      (list) => list.map((v) => v.textContent),
    );
  await agrees(
    seen,
    "/v1/status",
    look,
    (status, shown) =>
      shown[0] === grouped(status.intake.accepted) &&
      shown[1] === posted(status) &&
      shown[2] === grouped(status.delivery.agreed) &&
      shown[3] === grouped(status.exceptions.open),
  );
  await agrees(
    seen,
    "/v1/status",
    () => value("errors"),
    (status, shown) => shown === `${status.errors.percent.toFixed(2)} %`,
  );
  await agrees(
    seen,
    "/v1/status",
    () => page.textContent("#flow-journal .value"),
    (status, shown) => shown.startsWith(grouped(status.journal.durable_event)),
  );
  await context.close();
});

test("the table of stores equals /v1/stores, sorts and filters", async () => {
  const { context, page, seen } = await open();
  await page.waitForSelector("#stores tbody tr");
  const look = () =>
    page.$$eval("#stores tbody tr", (rows) =>
      rows.map((r) => [r.dataset.key, r.cells[1].textContent, r.cells[9].textContent]),
    );
  const rows = (answer) =>
    answer.stores.map((s) => [s.store, grouped(s.transactions), grouped(s.exceptions)]);
  const by_name = (list) => JSON.stringify([...list].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
  await agrees(
    seen,
    "/v1/stores",
    look,
    (answer, shown) => by_name(shown) === by_name(rows(answer)),
  );

  await page.click('#stores [data-sort="store"]');
  await page.waitForSelector('#stores th[aria-sort="ascending"] [data-sort="store"]');
  const names = (await look()).map(([name]) => name);
  assert.deepEqual(names, [...names].sort());
  await page.fill("#store-filter", names.at(-1));
  await page.waitForFunction(
    (name) =>
      [...document.querySelectorAll("#stores tbody tr")].every((r) => r.dataset.key.includes(name)),
    names.at(-1),
  );
  await page.fill("#store-filter", "no such store");
  await page.waitForFunction(() => document.body.textContent.includes("No store’s name contains"));
  await context.close();
});

/* A transaction that has lines and went to an ERP. */
async function posted_sale() {
  const { transactions } = await api("/v1/transactions?limit=1000");
  const one = transactions.find((t) => t.lines > 0 && t.posting?.document);
  assert.ok(one, "the server has no posted transaction among its newest 1000");
  return api(`/v1/transactions/${one.key}`);
}

test("opening a transaction shows its story", async () => {
  const story = await posted_sale();
  const { context, page } = await open(`#/t/${story.key}`);
  await page.waitForSelector(".story-key");
  assert.equal(await text(page, ".story-key"), story.key);
  await page.waitForSelector(".receipt-lines");
  assert.equal(
    await page.locator(".receipt-lines tbody tr").count(),
    story.transaction.lines.length,
  );
  const shown = await text(page, "#story");
  assert.ok(shown.includes(story.postings[0].document), "the ERP's document number is not shown");
  assert.ok(shown.includes(story.receipt), "the receipt is not shown");
  for (const { account } of story.ledger)
    assert.ok(shown.includes(account.replaceAll("_", " ")), `account ${account} is not shown`);
  assert.ok(
    (await page.locator(".timeline li").count()) >= story.story.length,
    "the timeline is shorter than the story",
  );
  await context.close();
});

test("a key that was never received is said to be so", async () => {
  const { context, page } = await open("#/t/no-such-store/01/2026-01-01/1");
  await page.waitForFunction(() =>
    document.querySelector("#story")?.textContent.includes("was ever received"),
  );
  await context.close();
});

test("a store's view shows its days", async () => {
  const { stores } = await api("/v1/stores?limit=1000");
  const { store } = stores.reduce((a, b) => (a.transactions > b.transactions ? a : b));
  const { days } = await api(`/v1/stores/${store}/days?limit=1000`);
  const { context, page } = await open(`#/store/${store}`);
  await page.waitForSelector("#days tbody tr");
  const shown = await page.$$eval("#days tbody tr", (rows) => rows.map((r) => r.dataset.key));
  for (const day of days)
    assert.ok(shown.includes(day.business_date), `day ${day.business_date} is not shown`);
  await page.waitForSelector("#registers tbody tr");
  await page.waitForSelector("#tenders, .quarters .empty");
  await context.close();
});

test("the exceptions are listed with cause and key, or said to be none", async () => {
  const { exceptions } = await api("/v1/exceptions?state=open&limit=1");
  const { context, page, seen } = await open("#/exceptions");
  if (exceptions.length === 0)
    await page.waitForFunction(() =>
      document.querySelector("main").textContent.includes("Nothing waits for a person"),
    );
  else {
    await page.waitForSelector("#exceptions tbody tr");
    const look = () =>
      page.$$eval("#exceptions tbody tr", (rows) =>
        rows.map((r) => [
          r.dataset.key,
          r.querySelector(".cause").textContent,
          r.querySelector(".key").textContent,
        ]),
      );
    await agrees(
      seen,
      "/v1/exceptions",
      look,
      (answer, shown) =>
        JSON.stringify(shown) ===
        JSON.stringify(answer.exceptions.map((e) => [e.id, e.cause.replaceAll("_", " "), e.key])),
    );
  }
  await context.close();
});

test("the doors are shown as /v1/doors says, and no panel when there are none", async () => {
  const { doors } = await api("/v1/doors");
  const { context, page, seen } = await open();
  await page.waitForSelector("#tile-accepted");
  const look = () =>
    page.$$eval("article.door", (cards) =>
      cards.map((c) => [
        c.dataset.key,
        c.querySelector(".badge").textContent,
        ...[...c.querySelectorAll("dd")].map((d) => d.textContent),
      ]),
    );
  const wanted = (d) => [
    d.name,
    d.state,
    grouped(d.path === undefined ? d.lag : d.messages),
    grouped(d.accepted),
    grouped(d.duplicates),
    grouped(d.refused + (d.unauthenticated ?? 0)),
  ];
  await agrees(
    seen,
    "/v1/doors",
    look,
    (answer, shown) =>
      shown.length === doors.length &&
      JSON.stringify(shown) === JSON.stringify(answer.doors.map(wanted)),
  );
  await context.close();
});

test("a server that does not answer is reported, and its return too", async () => {
  const { context, page } = await open();
  await page.waitForSelector("#live.up");
  const accepted = await page.textContent("#tile-accepted .value");
  await page.route("**/v1/**", (route) => route.abort());
  await page.waitForSelector("#banner:not([hidden])");
  assert.match(await text(page, "#banner"), /does not answer.*The numbers below are from .* ago/s);
  assert.equal(
    await page.textContent("#tile-accepted .value").then(Boolean),
    Boolean(accepted),
    "the last numbers are gone",
  );
  await page.waitForSelector("#live.down");
  await page.unroute("**/v1/**");
  await page.waitForSelector("#banner", { state: "hidden" });
  await page.waitForSelector("#live.up");
  await context.close();
});

test("nothing is asked of another origin and the console stays empty", async () => {
  const { context, page, seen } = await open();
  await page.waitForSelector("#transactions tbody tr");
  for (const hash of ["#/exceptions", "#/"]) {
    await page.evaluate((h) => (location.hash = h), hash);
    await page.waitForSelector(hash === "#/" ? "#tile-accepted" : "h1:text('Exceptions')");
  }
  assert.deepEqual(
    seen.addresses.filter((a) => new URL(a).origin !== new URL(base).origin),
    [],
  );
  assert.deepEqual(seen.complaints, []);
  await context.close();
});

test("a phone needs no horizontal scrolling", async () => {
  const story = await posted_sale();
  for (const width of [360, 412]) {
    const { context, page } = await open("#/", { viewport: { width, height: 780 } });
    await page.waitForSelector("#stores tbody tr");
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(
      (await overflow()) <= 0,
      `the overview is ${await overflow()} pixels wider than ${width}`,
    );
    for (const hash of ["#/exceptions", `#/store/${story.transaction.store}`, `#/t/${story.key}`]) {
      await page.evaluate((h) => (location.hash = h), hash);
      await page.waitForSelector(
        hash.startsWith("#/t/")
          ? ".story-key"
          : hash === "#/exceptions"
            ? "h1:text('Exceptions')"
            : "#days",
      );
      assert.ok(
        (await overflow()) <= 0,
        `${hash} is ${await overflow()} pixels wider than ${width}`,
      );
    }
    await context.close();
  }
});

test("the keyboard reaches a row, Enter opens it, Escape closes it and focus returns", async () => {
  const { context, page } = await open();
  await page.waitForSelector("#transactions tbody tr");
  const on_row = () =>
    page.evaluate(() => document.activeElement.matches("#transactions .row-link"));
  for (let i = 0; i < 40 && !(await on_row()); i++) await page.keyboard.press("Tab");
  assert.ok(await on_row(), "40 times Tab do not reach a transaction");
  const href = await page.evaluate(() => document.activeElement.getAttribute("href"));
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] .story-key");
  assert.equal(`#/t/${await text(page, ".story-key")}`, href);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "hidden" });
  await page.waitForFunction(() => !location.hash.startsWith("#/t/"));
  assert.ok(await on_row(), "focus is not back on the row");
  await context.close();
});
