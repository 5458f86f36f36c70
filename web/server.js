// What the page knows of the server: each resource with the time it was read and, when the last
// attempt failed, why. The API is read and nothing else; nothing is ever written.

const TIMEOUT_MS = 8000;
const PAGES_MAX = 10;

/* Why a request failed: `down` when nothing answered, else the problem that the server named. */
export class Failure extends Error {
  constructor(message, status, down) {
    super(message);
    this.status = status;
    this.down = down;
  }
}

async function problem_of(response) {
  try {
    const problem = await response.json();
    return problem.detail || problem.title || `status ${response.status}`;
  } catch {
    return `the server answered with status ${response.status}`;
  }
}

export async function read(path) {
  let response;
  try {
    response = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Failure(
      error.name === "TimeoutError" ? "it took too long to answer" : "it cannot be reached",
      0,
      true,
    );
  }
  if (!response.ok) throw new Failure(await problem_of(response), response.status, false);
  try {
    return await response.json();
  } catch {
    throw new Failure("its answer is not JSON", response.status, true);
  }
}

/* All pages of a list, up to PAGES_MAX of them. */
export async function read_all(path, name) {
  const list = [];
  let after = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const joint = path.includes("?") ? "&" : "?";
    const answer = await read(
      `${path}${joint}limit=1000${after === null ? "" : `&after=${encodeURIComponent(after)}`}`,
    );
    list.push(...answer[name]);
    after = answer.next;
    if (after === null) break;
  }
  return list;
}

/* Runs `work` every `interval_ms` while the page is visible, never twice at once. `wake` runs it
 * now; a page that comes back into view does the same. */
export function poll(interval_ms, work) {
  let timer = 0;
  let running = false;
  let again = false;
  async function run() {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await work();
    } while (again);
    running = false;
    if (!document.hidden) timer = setTimeout(run, interval_ms);
  }
  document.addEventListener("visibilitychange", () =>
    document.hidden ? clearTimeout(timer) : run(),
  );
  run();
  return { wake: run };
}
