/**
 * Chromium over its debugging pipe, with nothing but Node: `await Chromium.start()`, then pages.
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
];

export class Chromium {
  #next = 1;
  #waiting = new Map();
  #listeners = new Set();
  #rest = "";

  /** @param {string} [binary] */
  static async start(binary = process.env.CHROMIUM ?? "chromium") {
    const directory = await mkdtemp(join(tmpdir(), "foghorn-page-"));
    const child = spawn(binary, [...FLAGS, `--user-data-dir=${directory}`, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    const browser = new Chromium(child, directory);
    await browser.send("Browser.getVersion");
    return browser;
  }

  constructor(child, directory) {
    this.child = child;
    this.directory = directory;
    child.stdio[4].setEncoding("utf8").on("data", (piece) => {
      const messages = (this.#rest + piece).split("\0");
      this.#rest = messages.pop();
      for (const message of messages) this.#take(JSON.parse(message));
    });
    const fail = (why) => {
      for (const { reject } of this.#waiting.values()) reject(why instanceof Error ? why : new Error(`chromium ended: ${why}`));
      this.#waiting.clear();
    };
    child.on("error", fail).on("exit", fail);
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      for (const listener of this.#listeners) listener({ method, params, sessionId });
      return;
    }
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) reject?.(new Error(error.message));
    else resolve?.(result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A new page of that size; what goes wrong in it is collected in `problems`. */
  async page(width = 1280, height = 800, { dark = false } = {}) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const problems = [];
    this.#listeners.add(({ method, params, sessionId: from }) => {
      if (from !== sessionId) return;
      if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === "Log.entryAdded" && params.entry.source === "security") problems.push(params.entry.text);
      if (method === "Page.javascriptDialogOpening") problems.push(`a dialog: ${params.message}`);
    });
    const page = new Page(this, sessionId, targetId, problems);
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    await page.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
    return page;
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.send("Browser.close").catch(() => {});
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 3000);
    await ended;
    clearTimeout(timer);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The keys that are no text. */
const KEYS = { Enter: [13, "\r"], Escape: [27], ArrowUp: [38], ArrowDown: [40], Tab: [9], End: [35], Home: [36] };

class Page {
  constructor(browser, sessionId, targetId, problems) {
    Object.assign(this, { browser, sessionId, targetId, problems });
  }

  close() {
    return this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }

  send(method, params = {}) {
    return this.browser.send(method, params, this.sessionId);
  }

  async open(url) {
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  /** The value of a JavaScript expression in the page. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until the expression is true, and answers with its value. */
  async until(expression, timeoutMs = 10_000) {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const value = await this.value(expression).catch((error) => {
        if (Date.now() > end) throw error;
      });
      if (value) return value;
      if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async type(text) {
    await this.send("Input.insertText", { text });
  }

  async press(key) {
    const [code, text = key.length === 1 ? key : undefined] = KEYS[key] ?? [key.toUpperCase().charCodeAt(0)];
    const about = { key, windowsVirtualKeyCode: code, text };
    await this.send("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", ...about });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...about });
  }

  async screenshot() {
    return Buffer.from((await this.send("Page.captureScreenshot", { format: "png" })).data, "base64");
  }
}
