/**
 * A stand-in for Foghorn, to develop the page against: `node mock.mjs [PORT] [BASE]`, such as
 * `node mock.mjs 3699 /foghorn`. It holds made-up lines and says what it is told to:
 *
 *   POST /mock/append?line=…&service=api&level=info&n=1[&ago_ms=0][&kind=gap][&truncated=1][&quiet=1]
 *   POST /mock/set?engine_error=…&paused=…&damaged=…&busy=1&containers=0&partial=1&records=0
 *   POST /mock/drop     ends every live stream      POST /mock/lag?batches=3
 *
 * Its query language is a rough one; it is no test of Foghorn's.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const port = Number(process.argv[2] ?? 3699);
const base = (process.argv[3] ?? "").replace(/\/$/, "");
const ui = fileURLToPath(new URL("../../src/ui/", import.meta.url));
const types = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml" };

let records = [];
const set = { engine_error: "", paused: "", damaged: "", busy: "", containers: "", partial: "" };
const readers = new Set();
const services = ["api", "nginx", "postgres", "redis", "worker", "ai-service"];
let ordinal = 0;

const idOf = (service, number) => [...`${service}${number}`].reduce((hash, c) => (hash * 33 + c.charCodeAt(0)) >>> 0, 5381).toString(16).padStart(8, "0").repeat(8);

function make({ line, service = "api", number = 1, level = "info", ns, kind = "line", truncated = false, fields = {}, stream = "stdout" }) {
  ordinal += 1;
  const time = new Date(Number(ns / 1_000_000n)).toISOString().replace(/\.\d+Z/, `.${(ns % 1_000_000_000n).toString().padStart(9, "0")}Z`);
  const record = { id: `${ns}-${kind === "gap" ? "foghorn" : stream}-${ordinal}-${idOf(service, number)}`, time, container: `shop-${service}-${number}`, container_id: idOf(service, number), project: "shop", service, number, stream: kind === "gap" ? "foghorn" : stream, kind, level, line };
  if (Object.keys(fields).length > 0) record.fields = fields;
  if (truncated) record.truncated = true;
  return record;
}

const now = () => BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 999_999));

function seed() {
  const texts = [
    ["api", "info", "GET /cart/17 200 12 ms"], ["nginx", "info", '172.18.0.5 - - "GET /api/items HTTP/1.1" 200 512 "-" "Mozilla/5.0"'],
    ["postgres", "unknown", "LOG:  checkpoint complete: wrote 42 buffers (0.3%)"], ["api", "warn", "slow query: 1204 ms"],
    ["api", "error", "connection refused: postgres:5432"], ["redis", "unknown", "1:M 21 Nov 2026 03:59:26.123 * Background saving started"],
    ["worker", "debug", "[resume] completed repo=shop    duration=1.23s"], ["ai-service", "fatal", "out of memory: killed"],
    ["worker", "error", 'ERROR unhandled\nTraceback (most recent call last):\n  File "/app/worker.py", line 12, in run\n    handle(job)\nValueError: could not parse job 17'],
    ["api", "info", "\u001b[32mINFO\u001b[0m started \u001b[1mserver\u001b[0m on :8080"],
  ];
  const start = now();
  for (let i = 0; i < 3200; i += 1) {
    const [service, level, line] = texts[(i * 7 + Math.floor(i / 10)) % texts.length];
    const json = i % 9 === 0;
    const fields = json ? { msg: "payment refused: card declined", "http.status": 502, "http.path": "/api/pay", ok: false, order_id: 12345, took: 1.5, user: "Ada Lovelace" } : {};
    records.push(make({ service, level, number: service === "api" ? 1 + (i % 3) : 1, line: json ? JSON.stringify({ level, ...fields }) : `${line}${i % 4 === 0 ? ` #${i}` : ""}`, ns: start - BigInt(3200 - i) * 2_000_000_000n, fields, stream: level === "error" ? "stderr" : "stdout" }));
  }
  records.push(make({ kind: "gap", level: "warn", line: "lines are missing from 2026-11-21T03:58:00Z to 2026-11-21T03:59:00Z: the engine rotated its log before the lines were read", ns: start - 70_000_000_000n, fields: { "gap.reason": "rotated" } }));
  records.push(make({ line: `${"long ".repeat(2000)}end`, ns: start - 65_000_000_000n, truncated: true }));
  records.push(make({ line: "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">", ns: start - 60_000_000_000n }));
  sort();
}

const key = (id) => { const [ns, stream, n, container] = id.split("-"); return [BigInt(ns), container, ["foghorn", "stdout", "stderr"].indexOf(stream), Number(n)]; };
const compare = (a, b) => { const [x, y] = [key(a.id), key(b.id)]; for (let i = 0; i < 4; i += 1) if (x[i] !== y[i]) return x[i] < y[i] ? -1 : 1; return 0; };
const sort = () => records.sort(compare);

function parseQuery(text) {
  const tests = [];
  const pattern = /(-?)(?:([A-Za-z_@][\w.@-]*):)?(?:"((?:\\.|[^"\\])*)"|(\S*))(\*?)/y;
  for (let at = 0; ;) {
    while (text[at] === " ") at += 1;
    if (at >= text.length) return (record) => tests.every((test) => test(record));
    pattern.lastIndex = at;
    const [whole, negated, field, quoted, bare, star] = pattern.exec(text);
    let value = quoted?.replace(/\\(.)/g, "$1") ?? bare;
    const prefix = star === "*" || (quoted === undefined && value.endsWith("*"));
    if (quoted === undefined) value = value.replace(/\*$/, "");
    if (field && whole.endsWith(":")) throw { column: at + whole.length + 1, message: `expected a value after "${field}:"` };
    if (!field && /^"/.test(value)) throw { column: at + 1 + negated.length, message: "expected a closing quote for this one" };
    at += whole.length;
    const lower = value.toLowerCase();
    const same = (other) => (prefix ? String(other).toLowerCase().startsWith(lower) : String(other).toLowerCase() === lower);
    const words = new RegExp(`(?<!\\w)${lower.split(/\W+/).filter(Boolean).join("\\W+")}${prefix ? "" : "(?!\\w)"}`, "i");
    const test = field ? (record) => { const it = record[field] ?? record.fields?.[field]; return it !== undefined && same(it); } : (record) => words.test(record.line);
    tests.push(negated ? (record) => !test(record) : test);
  }
}

function timeNs(text, otherwise) {
  if (!text) return otherwise;
  const ago = /^-(\d+)(ms|s|m|h|d|w)$/.exec(text);
  if (ago) return now() - BigInt(ago[1]) * { ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n, w: 604_800_000n }[ago[2]] * 1_000_000n;
  return BigInt(Date.parse(text)) * 1_000_000n;
}

const send = (response, status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const refuse = (response, status, code, message, more = {}) => send(response, status, { error: { code, message, ...more } });

function logs(response, given) {
  let matches;
  try {
    matches = parseQuery(given.get("query") ?? "");
  } catch ({ column, message }) {
    return refuse(response, 400, "bad_query", `column ${column}: ${message}`, { parameter: "query", column });
  }
  const limit = Number(given.get("limit") ?? 100);
  const [from, to] = [timeNs(given.get("from"), 0n), timeNs(given.get("to"), 1n << 62n)];
  const newest = given.get("order") !== "oldest";
  const cursor = given.get("cursor");
  let found = records.filter((record) => key(record.id)[0] >= from && key(record.id)[0] < to && matches(record));
  if (newest) found.reverse();
  if (cursor) found = found.filter((record) => (newest ? compare(record, { id: cursor }) < 0 : compare(record, { id: cursor }) > 0));
  const page = found.slice(0, limit);
  return send(response, 200, { records: page, next_cursor: found.length > limit ? page.at(-1).id : null, partial: set.partial !== "" });
}

function histogram(response, given) {
  const matches = parseQuery(given.get("query") ?? "");
  const first = Number((records[0] ? key(records[0].id)[0] : now()) / 1_000_000n);
  const [from, to] = [Number(timeNs(given.get("from"), BigInt(first) * 1_000_000n) / 1_000_000n), Number(timeNs(given.get("to"), now()) / 1_000_000n)];
  const step = Math.max(1000, Math.ceil((to - from) / 60_000) * 1000);
  const start = from - (from % step);
  const buckets = Math.ceil((to - start) / step);
  const series = new Map();
  let total = 0;
  for (const record of records) {
    const at = Number(key(record.id)[0] / 1_000_000n);
    if (at < from || at >= to || !matches(record)) continue;
    if (!series.has(record.level)) series.set(record.level, new Array(buckets).fill(0));
    series.get(record.level)[Math.floor((at - start) / step)] += 1;
    total += 1;
  }
  send(response, 200, { start: new Date(start).toISOString(), step_ms: step, buckets, by: "level", series: [...series].map(([value, counts]) => ({ value, counts })), total, partial: false });
}

function live(response, given) {
  if (set.busy) return refuse(response, 503, "too_many_readers", "100 readers are following already, and live.max_readers allows no more");
  const reader = { response, matches: parseQuery(given.get("query") ?? "") };
  response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
  readers.add(reader);
  response.on("close", () => readers.delete(reader));
}

function status(response) {
  const containers = set.containers === "0" ? [] : services.map((service) => ({ container: { id: idOf(service, 1), name: `shop-${service}-1`, project: "shop", service, number: 1 }, reading: "following" }));
  send(response, 200, { version: "0.1.0", engine: { host: "unix:///var/run/docker.sock", version: set.engine_error ? null : "Docker 28.5.2", mode: set.engine_error ? null : "follow", error: set.engine_error || null, listed: !set.engine_error }, containers, store: { paused: set.paused || null, damaged: set.damaged ? [set.damaged] : [], size_bytes: 1, records: records.length, partitions: 1, commits: 1, failed_commits: 0, too_old_records: 0, filesystem_bytes: [1, 2] }, live: { readers: readers.size } });
}

function mock(response, path, given) {
  if (path === "append") {
    for (let i = 0; i < Number(given.get("n") ?? 1); i += 1) {
      const record = make({ line: (given.get("line") ?? "line").replace("{i}", String(i)), service: given.get("service") ?? "api", level: given.get("level") ?? "info", kind: given.get("kind") ?? "line", truncated: given.has("truncated"), ns: now() - BigInt(given.get("ago_ms") ?? 0) * 1_000_000n });
      records.push(record);
      if (!given.has("quiet")) for (const reader of readers) if (reader.matches(record)) reader.response.write(`event: record\nid: ${record.id}\ndata: ${JSON.stringify(record)}\n\n`);
    }
    sort();
  } else if (path === "set") {
    for (const [name, value] of given) {
      set[name] = value;
      if (name === "records") { records = []; if (value !== "0") seed(); }
    }
  } else if (path === "drop") {
    for (const reader of readers) reader.response.destroy();
  } else if (path === "lag") {
    for (const reader of readers) reader.response.write(`event: lagged\ndata: {"batches":${given.get("batches") ?? 3}}\n\n`);
  }
  send(response, 200, {});
}

seed();
createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  response.setHeader("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
  if (!url.pathname.startsWith(`${base}/`)) return refuse(response, 404, "not_found", "nothing here");
  const path = url.pathname.slice(base.length + 1);
  if (path === "api/v1/logs") return logs(response, url.searchParams);
  if (path === "api/v1/histogram") return histogram(response, url.searchParams);
  if (path === "api/v1/live") return live(response, url.searchParams);
  if (path === "api/v1/status") return status(response);
  if (path.startsWith("mock/")) return mock(response, path.slice(5), url.searchParams);
  const name = path === "" ? "index.html" : /^assets\/x\/([\w.]+)$/.exec(path)?.[1];
  try {
    const text = await readFile(ui + name, "utf8");
    response.writeHead(200, { "content-type": types[name.split(".").at(-1)], "cache-control": "no-store" }).end(text.replaceAll("__ASSETS__", "assets/x"));
  } catch {
    refuse(response, 404, "not_found", "nothing here");
  }
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}${base}/`));
