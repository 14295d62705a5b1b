/**
 * The page of a running Foghorn, in Chromium: `node tests/browser/page.mjs URL`.
 *
 * FOGHORN_APPEND_CMD is a shell command that makes one container write the line in $FOGHORN_LINE,
 * which holds `appended-$N`; for example
 * `docker exec -e FOGHORN_LINE shop-api-1 sh -c 'echo "$FOGHORN_LINE" >/proc/1/fd/1'`.
 * CHROMIUM is the browser, if it is not called chromium. The last line says `N passed, N failed`.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { Chromium } from "./chromium.mjs";

const base = process.argv[2];
const command = process.env.FOGHORN_APPEND_CMD;
if (!base || !command) {
  console.error("usage: FOGHORN_APPEND_CMD=COMMAND node page.mjs URL");
  process.exit(2);
}

const run = promisify(execFile);
const token = `t${Date.now().toString(36)}`;
let appended = 0;

/** Makes a line appear, and answers with the word that it alone has. */
async function append(text = "") {
  appended += 1;
  const word = `appended-${appended}`;
  await run("sh", ["-c", command], { env: { ...process.env, N: String(appended), FOGHORN_LINE: `${word} ${token} ${text}` } });
  return `"${word} ${token}"`;
}

/** JavaScript that finds the rows whose text contains this. */
const rows = (text) => `[...document.querySelectorAll("#list > li .text")].filter((it) => it.textContent.includes(${JSON.stringify(text)}))`;
const link = (query, more = "") => `${base.replace(/\/?$/, "/")}?query=${encodeURIComponent(query)}${more}`;
const lines = "document.querySelectorAll('#list > li').length";
const loaded = "document.querySelector('#shown')?.textContent.includes('shown') && !document.querySelector('[aria-busy]')";

const tests = {
  async "lines are listed, each with its time, service and level"(page) {
    await append("first");
    await append("second");
    await page.open(link(token));
    await page.until(`${rows("second")}.length === 1 && ${rows("first")}.length === 1`, 10_000);
    const row = await page.value(`(() => { const row = document.querySelector("#list > li"); return [".line time", ".service", ".level", ".text"].map((it) => row.querySelector(it).textContent); })()`);
    assert.match(row[0], /^\d\d:\d\d:\d\d\.\d{3}$/);
    assert.ok(row.every((text) => text !== ""), String(row));
  },

  async "a search lists only what matches, highlights it and is in the address"(page) {
    await page.open(base);
    await page.until(loaded);
    await page.press("/");
    assert.equal(await page.value("document.activeElement.id"), "query");
    await page.type(`first ${token}`);
    await page.press("Enter");
    await page.until(`${loaded} && ${lines} === 1 && ${rows("first")}.length === 1`);
    assert.deepEqual(await page.value("[...document.querySelectorAll('#list mark')].map((it) => it.textContent)"), [token, "first"]);
    assert.equal(await page.value("new URLSearchParams(location.search).get('query')"), `first ${token}`);
    await page.value("history.back()");
    await page.until("document.querySelector('#query').value === '' && !location.search.includes('query')");
  },

  async "bars count the lines, and one of them shows its time"(page) {
    await append("counted");
    await page.open(link(token));
    const bars = "[...document.querySelectorAll('#histogram .step')]";
    await page.until(`${loaded} && ${rows("counted")}.length === 1 && ${bars}.some((bar) => bar.querySelector(".part"))`);
    await page.until(`${bars}.map((bar) => Number(/: ([0-9,.]+) line/.exec(bar.title)[1].replace(/[,.]/g, ""))).reduce((a, b) => a + b, 0) >= ${lines}`, 10_000);
    await page.value(`${bars}.findLast((bar) => bar.querySelector(".part")).click()`);
    await page.until(`${loaded} && location.search.includes("to=") && ${rows("counted")}.length === 1`);
    assert.equal(await page.value("document.querySelector('#range').value"), "custom");
    await page.open(link(`nosuchword${token}`));
    await page.until("document.querySelector('#empty h2') && document.querySelector('#histogram').hidden");
  },

  async "a query error stands where the column is"(page) {
    await page.open(link("api status:"));
    await page.until("document.querySelector('#query-error').textContent !== ''");
    assert.match(await page.value("document.querySelector('#query-error').textContent"), /column 12: expected a value after "status:"/);
    assert.equal(await page.value("document.querySelector('#query-error pre').firstChild.data"), "api status:");
    assert.equal(await page.value("document.querySelector('#query').getAttribute('aria-invalid')"), "true");
    await page.open(link('ab "c d'));
    await page.until("document.querySelector('#query-error .at')?.textContent === '\"'");
  },

  async "a followed page shows a line that comes later"(page) {
    await page.open(link(token));
    await page.until("document.querySelector('#follow').dataset.live === 'on'");
    const before = await page.value(lines);
    await append("later");
    await page.until(`${rows("later")}.length === 1`, 10_000);
    assert.equal(await page.value(lines), before + 1);
    assert.ok(await page.value(`${rows("later")}[0] === [...document.querySelectorAll("#list .text")].at(-1)`), "it is the last one");
  },

  async "a page that does not follow shows no new line until it is told to"(page) {
    await page.open(link(token, "&follow=off"));
    await page.until(loaded);
    await append("quiet");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(await page.value(`${rows("quiet")}.length`), 0);
    await page.press("f");
    await page.until(`${rows("quiet")}.length === 1`, 10_000);
  },

  async "HTML in a line is text, and nothing of it runs"(page) {
    const html = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>";
    const word = await append(html);
    await page.open(link(word));
    await page.until(`${rows(html)}.length === 1`, 10_000);
    await page.press("j");
    await page.press("Enter");
    await page.until("document.querySelector('.details')");
    assert.equal(await page.value("document.querySelectorAll('#list script, #list img').length"), 0);
    assert.doesNotMatch(await page.value("document.title"), /^owned/);
  },

  async "details open, filter and close by keyboard"(page) {
    await page.open(link(`${token} first`));
    await page.until(`${loaded} && ${lines} === 1`);
    await page.press("ArrowDown");
    await page.press("Enter");
    await page.until("document.activeElement.getAttribute('aria-expanded') === 'true'");
    const names = await page.value("[...document.querySelectorAll('.details th')].map((it) => it.textContent)");
    for (const name of ["time", "service", "container", "level", "stream"]) assert.ok(names.includes(name), `${name} in ${names}`);
    await page.press("Escape");
    await page.until("!document.querySelector('.details') && document.activeElement.matches('.line')");
    await page.press("Enter");
    await page.until("document.querySelector('.details')");
    await page.value("document.querySelector('button[aria-label^=\"show only service:\"]').focus()");
    await page.press("Enter");
    await page.until("/ service:/.test(new URLSearchParams(location.search).get('query'))");
    await page.until(`${loaded} && ${lines} === 1 && document.querySelector('#service').value !== ''`);
  },

  async "? lists the keys, and Esc leaves"(page) {
    await page.open(base);
    await page.until(loaded);
    await page.press("?");
    await page.until("document.querySelector('#help').open");
    await page.press("Escape");
    await page.until("!document.querySelector('#help').open");
    await page.press("/");
    await page.press("Escape");
    assert.notEqual(await page.value("document.activeElement.id"), "query");
  },

  async "nothing found says what to do next"(page) {
    await page.open(link(`nosuchword${token}`));
    await page.until("document.querySelector('#empty h2')?.textContent.startsWith('Nothing matches')");
    await page.value("[...document.querySelectorAll('#empty button')].find((it) => it.textContent === 'Clear the search').click()");
    await page.until(`${loaded} && ${lines} > 0 && document.querySelector('#empty').hidden`);
  },

  async "380 px has no horizontal scroll, in either colour scheme"(page, browser) {
    for (const dark of [false, true]) {
      const narrow = await browser.page(380, 720, { dark });
      await append(`wide-${"x".repeat(600)}`);
      await narrow.open(link(token));
      await narrow.until(`${loaded} && ${rows("wide-")}.length > 0`, 10_000);
      await narrow.press("j");
      await narrow.press("Enter");
      await narrow.until("document.querySelector('.details')");
      for (const it of ["document.documentElement", "document.body", "document.querySelector('#scroller')"]) {
        assert.ok(await narrow.value(`${it}.scrollWidth <= ${it}.clientWidth`), it);
      }
      assert.deepEqual(narrow.problems, []);
      await narrow.close();
    }
  },
};

const browser = await Chromium.start();
let passed = 0;
let failed = 0;
for (const [name, body] of Object.entries(tests)) {
  const page = await browser.page();
  try {
    await body(page, browser);
    assert.deepEqual(page.problems, [], "the page's own errors");
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n     ${String(error?.message ?? error).replaceAll("\n", "\n     ")}`);
  }
  await page.close();
}
await browser.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
