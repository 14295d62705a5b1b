/** The pure modules of the page: `node --test tests/browser/pure.test.mjs`. */

process.env.TZ = "Asia/Kolkata";

import assert from "node:assert/strict";
import { test } from "node:test";

const ui = new URL("../../src/ui/", import.meta.url);
const url = await import(new URL("url.js", ui).href);
const query = await import(new URL("query.js", ui).href);
const format = await import(new URL("format.js", ui).href);
const record = await import(new URL("record.js", ui).href);
const notices = await import(new URL("notices.js", ui).href);
const api = await import(new URL("api.js", ui).href);
const histogram = await import(new URL("histogram.js", ui).href);

/** One row each: what goes in, and what comes out. */
function table(name, f, rows) {
  for (const [input, expected] of rows) test(`${name} ${JSON.stringify(input)}`, () => assert.deepEqual(f(...[input].flat()), expected));
}

const state = (change) => ({ ...url.DEFAULT, ...change });

table("url.parse", url.parse, [
  ["", url.DEFAULT],
  ["?query=level%3Aerror+-health&from=-24h", state({ query: "level:error -health", from: "-24h" })],
  ["?from=all&follow=off&zone=utc&wrap=off", state({ from: "", follow: false, zone: "utc", wrap: false })],
  ["?from=2026-11-21T03:00:00Z&to=2026-11-21T04:00:00Z", state({ from: "2026-11-21T03:00:00Z", to: "2026-11-21T04:00:00Z", follow: false })],
  ["?from=yesterday&to=soon&zone=mars&other=1", url.DEFAULT],
  ["?query=%zz", state({ query: "%zz" })],
]);

for (const change of [
  {}, { query: "a&b=c #1 +é \"two  words\" 100%" }, { from: "" }, { from: "-7d", follow: false }, { zone: "utc", wrap: false },
  { from: "2026-11-21T03:00:00+01:00", to: "2026-11-21T04:00:00.5Z", follow: false },
]) {
  test(`url.format and back ${JSON.stringify(change)}`, () => assert.deepEqual(url.parse(url.format(state(change))), state(change)));
}

test("the default state has an empty address", () => assert.equal(url.format(url.DEFAULT), ""));
table("url.apiUrl", url.apiUrl, [
  [["logs", { query: "a b&c", from: "", limit: 5 }], "api/v1/logs?query=a+b%26c&limit=5"],
  [["status"], "api/v1/status"],
]);
table("url.rangeWords", url.rangeWords, [
  [state({}), "in the last hour"], [state({ from: "" }), "at all"], [state({ from: "-3h" }), "in this time range"],
]);

table("query.terms", (text) => query.terms(text).map(({ negated, field, value, prefix, exact }) => `${negated ? "-" : ""}${field === null ? "" : `${field}:`}${value}${exact ? "=" : ""}${prefix ? "*" : ""}`), [
  ["", []],
  ["a  b", ["a", "b"]],
  ['level:error "two words" -health', ["level:error", "two words", "-health"]],
  ["a AND NOT b", ["a", "-b"]],
  ["NOT service:api conn*", ["-service:api", "conn*"]],
  ['say:"a \\"b\\" \\\\ c"* d', ['say:a "b" \\ c*', "d"]],
  ["http://shop/ status\\:500 12:30", ["http://shop/", "status:500", "12:30"]],
  ['"open', ["open"]],
  ["status:", ["status:"]],
  ["- NOT", ["-", "-"]],
  ["Level:Warn", ["level:Warn"]],
  ['"Two Words"c -service:"Web"c* c "c"', ["Two Words=", "-service:Web=*", "c", "c"]],
]);

table("query.fieldTerm", query.fieldTerm, [
  [["service", "api"], "service:api"],
  [["http.status", 502], "http.status:502"],
  [["user", "Ada Lovelace"], 'user:"Ada Lovelace"'],
  [["x", ""], 'x:""'],
  [["x", "OR"], 'x:"OR"'],
  [["x", "-v"], 'x:"-v"'],
  [["x", "/re/"], 'x:"/re/"'],
  [["x", 'a"b\\c'], 'x:"a\\"b\\\\c"'],
  [["x", "first\nsecond"], "x:first*"],
  [["a b", "x"], null],
  [["", "x"], null],
]);

table("query.withField", query.withField, [
  [["", "service", "api"], "service:api"],
  [["refused service:db", "service", "api"], "refused service:api"],
  [["a service:db b", "service", null], "a b"],
  [["service:db", "service", null], ""],
  [["-service:api", "service", "api"], "service:api"],
  [["-service:db", "service", "api"], "-service:db service:api"],
  [['"x  y"  Service:db', "service", null], '"x  y"'],
  [['a service:"Db"c b', "service", "api"], "a b service:api"],
]);
table("query.withoutValue", query.withoutValue, [
  [["a", "level", "info"], "a -level:info"],
  [["level:info a", "level", "info"], "a -level:info"],
  [["-level:info", "level", "info"], "-level:info"],
]);
table("query.fieldValue", query.fieldValue, [
  [["a service:api", "service"], "api"], [['service:"Api"c', "service"], "Api"], [["-service:api", "service"], null], [["service:a*", "service"], null], [["service:a service:b", "service"], null],
]);

/** The matches in brackets. */
const bracket = (text, line) => format.marked(line, query.highlight(text)).map((part) => (part.match ? `[${part.text}]` : part.text)).join("");
table("highlight", bracket, [
  [["refused", "Connection REFUSED, refusedly"], "Connection [REFUSED], refusedly"],
  [["conn*", "connection reconn conn"], "[conn]ection reconn [conn]"],
  [['"card declined"', "card: declined"], "[card: declined]"],
  [["-a level:b", "a b"], "a b"],
  [["a.b+(c", "a.b+(c"], "[a.b+(c]"],
  [["größe", "Die GRÖSSE größe"], "Die GRÖSSE [größe]"],
  [['"Refused"c', "refused Refused"], "refused [Refused]"],
  [['"Card"c* größe', "card Cards GRÖßE"], "card [Card]s [GRÖßE]"],
  [["=>", "a => b"], "a => b"],
  [["", "abc"], "abc"],
]);

const time = "2026-11-21T20:59:26.123456789Z";
table("format.timeOfDay", format.timeOfDay, [
  [[time, "utc"], "20:59:26.123"], [[time, "local"], "02:29:26.123"], [["2026-11-21T20:59:26Z", "utc"], "20:59:26.000"], [["nonsense", "utc"], "nonsense"],
]);
table("format.day", format.day, [[[time, "utc"], "Sat 2026-11-21"], [[time, "local"], "Sun 2026-11-22"]]);
table("format.fullTime", format.fullTime, [
  [[time, "utc"], "Sat 2026-11-21 20:59:26.123456789 UTC"], [[time, "local"], "Sun 2026-11-22 02:29:26.123456789 +05:30"],
]);
table("format.fromControl", format.fromControl, [
  [["2026-11-22T02:29", "local"], "2026-11-21T20:59:00Z"], [["2026-11-22T02:29:05", "utc"], "2026-11-22T02:29:05Z"], [["", "utc"], null], [["x", "local"], null],
]);
table("format.toControl", format.toControl, [[[time, "local"], "2026-11-22T02:29:26"], [[time, "utc"], "2026-11-21T20:59:26"]]);
table("format.plural", format.plural, [[[1, "line"], "1 line"], [[0, "line"], "0 lines"], [[1204, "line"], "1,204 lines"]]);
table("format.levelMark", format.levelMark, [["error", "ERROR"], ["unknown", "·"], ["new", "new"]]);
table("format.visible", format.visible, [
  ["\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x", "red x"], ["a\tb\nc", "a\tb\nc"], ["a\r\nb\r", "a\nb"], ["50%\r100%", "50%␍100%"],
  ["\u0000\u0007\u001b", "␀␇␛"], ["a\u202eb", "a[U+202E]b"], ["<script>", "<script>"],
]);
table("format.clip", format.clip, [
  [["short", 10, 2], { head: "short", restChars: 0, restLines: 0 }],
  [["0123456789", 4, 2], { head: "0123", restChars: 6, restLines: 0 }],
  [["a\nb\nc\nd", 100, 2], { head: "a\nb", restChars: 4, restLines: 2 }],
  [["ab\u{1f600}", 3, 2], { head: "ab", restChars: 2, restLines: 0 }],
  [["", 3, 2], { head: "", restChars: 0, restLines: 0 }],
]);
table("format.splitAt", format.splitAt, [
  [["status:", 8], { before: "status:", at: "", after: "" }], [["é\u{1f600}x", 2], { before: "é", at: "\u{1f600}", after: "x" }], [["a", 99], { before: "a", at: "", after: "" }],
]);
test("a service has one hue, and not all have the same", () => {
  const hues = ["api", "nginx", "postgres", "redis", "worker", "ai-service"].map(format.hue);
  assert.deepEqual(hues, ["api", "nginx", "postgres", "redis", "worker", "ai-service"].map(format.hue));
  assert.ok(hues.every((hue) => hue >= 0 && hue < 360));
  assert.ok(new Set(hues).size >= 4, String(hues));
});

test("records are ordered by time, container, stream and ordinal", () => {
  const ids = ["9-stdout-1-ff", "10-stdout-2-aa", "10-stderr-1-aa", "10-foghorn-1-aa", "10-stdout-10-aa", "10-foghorn-1-ab", "1795000000000000001-stdout-1-a", "1795000000000000000-stdout-1-b"];
  const sorted = [...ids].sort((a, b) => record.comparePlaces(record.placeOf(a), record.placeOf(b)));
  assert.deepEqual(sorted, ["9-stdout-1-ff", "10-foghorn-1-aa", "10-stdout-2-aa", "10-stdout-10-aa", "10-stderr-1-aa", "10-foghorn-1-ab", "1795000000000000000-stdout-1-b", "1795000000000000001-stdout-1-a"]);
});

test("server-sent events come out whole, wherever the pieces end", () => {
  const text = ": hello\n\nevent: record\nid: 1\ndata: {\"a\":\"b: c\"}\n\nevent: lagged\r\ndata: {\"batches\":3}\r\n\r\ndata: a\ndata: b\n\nevent: bye\ndata: {}\n\n";
  const expected = [
    { event: "record", data: '{"a":"b: c"}' }, { event: "lagged", data: '{"batches":3}' }, { event: "message", data: "a\nb" }, { event: "bye", data: "{}" },
  ];
  assert.deepEqual(api.eventParser()(text), expected);
  const parse = api.eventParser();
  assert.deepEqual([...text].flatMap((c) => parse(c)), expected);
});

const healthy = { version: "0.1.0", engine: { host: "unix:///s", version: "Docker 28", mode: "follow", error: null, listed: true }, containers: [{ container: { name: "web", service: "web" }, reading: "following" }], store: { paused: null, damaged: [], records: 1 } };
const noEngine = { ...healthy, engine: { ...healthy.engine, version: null, error: "there is no socket", listed: false } };
const titles = (...about) => notices.problems(...about).map(([kind, title]) => `${kind} ${title}`);
table("notices.problems", titles, [
  [[healthy, null, false], []],
  [[null, null, false], []],
  [[noEngine, "gone", false], ["bad No connection to Foghorn."]],
  [[noEngine, null, true], ["bad Foghorn cannot reach the engine.", "warn The search took too long and was ended."]],
  [[{ ...healthy, store: { paused: "the disk is full", damaged: ["2026-11-20: x"], records: 1 } }, null, false], ["bad New lines are not being kept.", "warn A part of the store is damaged."]],
  [[{ ...healthy, containers: [{ container: { name: "web", service: "web" }, reading: "unreadable", note: "driver none" }] }, null, false], ["warn The engine cannot give the log of 1 container."]],
  [[{ ...healthy, containers: [{ container: { name: "web", service: "web" }, reading: "following", warnings: ["foghorn.level: x"] }] }, null, false], ["warn Labels of 1 container are wrong and change nothing."]],
]);

const notice = (...about) => { const { title, offers } = notices.emptyNotice(...about); return [title, ...offers.map(([label]) => label)]; };
table("notices.emptyNotice", notice, [
  [[state({ query: "x:" }), "refused", "", healthy], ["Nothing was searched"]],
  [[state({}), "failed", "no answer", healthy], ["The search failed"]],
  [[state({ query: "x" }), "shown", "", noEngine], ["Nothing matches in the last hour", "Clear the search", "Last 7 days", "All time"]],
  [[state({ from: "" }), "shown", "", noEngine], ["No lines yet: the engine cannot be reached"]],
  [[state({ from: "" }), "shown", "", { ...healthy, containers: [] }], ["No containers yet"]],
  [[state({ from: "-7d", follow: false }), "shown", "", healthy], ["No lines in the last 7 days", "Follow", "All time"]],
  [[state({}), "shown", "", null], ["No lines in the last hour", "Last 7 days", "All time"]],
]);

table("histogram.stepText", histogram.stepText, [
  [120_000, "2 min"],
  [90_000, "90 s"],
  [3_600_000, "1 h"],
  [604_800_000, "7 d"],
  [10, "10 ms"],
]);

test("a bar stands on what is bad, and counts everything", () => {
  const series = [{ value: "info", counts: [5, 0] }, { value: "error", counts: [2, 0] }, { value: "", counts: [1, 3] }];
  const counts = { start: "", step_ms: 1, buckets: 2, series, others: [4, 0], total: 15, partial: false };
  assert.deepEqual(histogram.levelsOf(counts, 0), [{ level: "error", count: 2 }, { level: "info", count: 5 }, { level: "unknown", count: 5 }]);
  assert.deepEqual(histogram.levelsOf(counts, 1), [{ level: "unknown", count: 3 }]);
});
