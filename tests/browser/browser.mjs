// What the tests and the screenshots share: the server under test and a Chromium that talks to
// nothing else.

import { chromium } from "playwright-core";

export const base = (process.env.TILLBRIDGE_URL ?? "").replace(/\/$/, "");
if (base === "")
  throw new Error("TILLBRIDGE_URL is not set, expected the address of a running server with data");

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

export async function api(path) {
  const response = await fetch(base + path);
  if (!response.ok) throw new Error(`${path} is answered ${response.status}, expected 200`);
  return response.json();
}
