// Writes docs/dashboard.png (a laptop), docs/dashboard-phone.png and docs/dashboard-story.png of a
// running server with data: TILLBRIDGE_URL=http://127.0.0.1:8080 node screenshot.mjs

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { api, base, launch } from "./browser.mjs";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));

async function picture(browser, name, hash, viewport, ready) {
  const context = await browser.newContext({
    viewport,
    deviceScaleFactor: 2,
    locale: "en-GB",
    colorScheme: "light",
  });
  const page = await context.newPage();
  await page.goto(`${base}/${hash}`);
  await page.waitForSelector(ready);
  // A line needs points: a minute of samples, unless told otherwise.
  const seconds = Number(process.env.SECONDS_SHOWN ?? 60);
  if (ready === ".spark-line")
    await page.waitForFunction(
      (n) => (document.querySelector(".spark-line")?.getAttribute("d").split("L").length ?? 0) >= n,
      seconds,
      { timeout: seconds * 3000 },
    );
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((a) => a.effect.getComputedTiming().iterations === 1)
        .map((a) => a.finished),
    ),
  );
  await page.screenshot({ path: `${docs}${name}` });
  await context.close();
}

const browser = await launch();
try {
  await mkdir(docs, { recursive: true });
  const { transactions } = await api("/v1/transactions?limit=1000");
  const shown =
    transactions.find((t) => t.posting?.state === "agreed" && t.lines > 2) ?? transactions[0];
  await Promise.all([
    picture(browser, "dashboard.png", "#/", { width: 1440, height: 1000 }, ".spark-line"),
    picture(browser, "dashboard-phone.png", "#/", { width: 390, height: 844 }, ".spark-line"),
    shown &&
      picture(
        browser,
        "dashboard-story.png",
        `#/t/${shown.key}`,
        { width: 1440, height: 1000 },
        ".story-key",
      ),
  ]);
} finally {
  await browser.close();
}
