// A browser for dashboard_test.py: reads one command per line from stdin, {"do": name, "with": [arguments]}, and answers
// each with one line, {"value": …} or {"error": …}. Everything that the page does wrong by itself is kept: see faults().
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [, , program, base, output] = process.argv;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const limit = { timeout: 30000 };
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});
let context, page, cdp;
let faults = [];

const find = (selector, text) => {
  const found = page.locator(selector);
  return (text === undefined ? found : found.filter({ hasText: text })).first();
};

async function metrics() {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

const commands = {
  // A new tab with nothing remembered.
  async open(path, { width = 1280, height = 800, dark = false } = {}) {
    await context?.close();
    context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
    page = await context.newPage();
    cdp = await context.newCDPSession(page);
    page.on("console", (m) => {
      if (m.type() === "error" || m.type() === "warning") faults.push(`console: ${m.text()} ${m.location().url}`);
    });
    page.on("pageerror", (error) => faults.push(`exception: ${error.stack}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("data:")) faults.push(`request: ${request.url()}`);
    });
    await page.goto(base + path);
  },
  async see(selector, text) { await find(selector, text).waitFor(limit); },
  async gone(selector, text) { await find(selector, text).waitFor({ ...limit, state: "hidden" }); },
  async text(selector) { return find(selector).innerText(limit); },
  async count(selector) { return page.locator(selector).count(); },
  async click(selector, text) { await find(selector, text).click(limit); },
  async fill(selector, text) { await find(selector).fill(text, limit); },
  async choose(selector, value) { await find(selector).selectOption(value, limit); },
  async press(...keys) { for (const key of keys) await page.keyboard.press(key); },
  async reload() { await page.reload(); },
  async address() { return page.url().slice(base.length); },
  async title() { return page.title(); },
  async focused() { return page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id); },
  async style(selector, property) { return find(selector).evaluate((e, p) => getComputedStyle(e)[p], property); },
  async overflow() { return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth); },
  async screenshot(name) { await page.screenshot({ path: `${output}/${name}.png` }); },
  async scroll(top) { await page.evaluate((y) => scrollTo(0, y), top); },
  // How many pixels of the chart with this title are coloured: of its lines, axes are grey.
  async inked(title) {
    return page.locator(".chart", { hasText: title }).first().locator("canvas").evaluate((canvas) => {
      const copy = document.createElement("canvas");
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const ink = copy.getContext("2d", { willReadFrequently: true });
      ink.drawImage(canvas, 0, 0);
      const { data } = ink.getImageData(0, 0, copy.width, copy.height);
      let coloured = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) ++coloured;
      }
      return coloured;
    });
  },
  // What axe-core calls serious or critical.
  async axe() {
    await cdp.send("Runtime.evaluate", { expression: axe });
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`);
  },
  // Main thread's CPU time in each of so many seconds, in ms, and the heap after collection, in MB.
  async work(seconds) {
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    const spent = [];
    for (let before = await metrics(), i = 0; i < seconds; ++i) {
      await page.waitForTimeout(1000);
      const now = await metrics();
      spent.push(1000 * (now.TaskDuration - before.TaskDuration));
      before = now;
    }
    await cdp.send("HeapProfiler.collectGarbage");
    return { spent, heap: (await metrics()).JSHeapUsedSize / 1e6 };
  },
  // What went wrong since the last time it was asked for.
  async faults() {
    const found = faults;
    faults = [];
    return found;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, with: given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await commands[name](...given)) ?? null };
  } catch (error) {
    await page?.screenshot({ path: `${output}/failed.png` }).catch(() => {});
    const seen = await page?.locator("body").innerText({ timeout: 1000 }).catch(() => "");
    answer = { error: `${name}(${JSON.stringify(given)}): ${error.message}\nThe page:\n${String(seen).slice(0, 1500)}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
