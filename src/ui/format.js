/**
 * Times, levels, numbers and lines → the text that people read. Pure, but for the time zone.
 */

/** @typedef {"local" | "utc"} Zone */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** @param {number} n @param {number} width */
const pad = (n, width = 2) => String(n).padStart(width, "0");

/**
 * A moment's parts in the zone. The fraction is the text's own: a Date only knows milliseconds.
 * @param {string} time RFC 3339
 * @param {Zone} zone
 */
function parts(time, zone) {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const date = new Date(time.replace(/\.\d+/, ""));
  // Shifted by the offset, the UTC methods give local parts.
  const offset = zone === "utc" ? 0 : -date.getTimezoneOffset();
  const shown = new Date(date.getTime() + offset * 60_000);
  return { shown, offset, fraction, valid: !Number.isNaN(date.getTime()) };
}

/** @param {number} minutes */
function offsetText(minutes) {
  if (minutes === 0) return "+00:00";
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

/**
 * The time of day to the millisecond: `03:59:26.123`.
 * @param {string} time
 * @param {Zone} zone
 * @returns {string}
 */
export function timeOfDay(time, zone) {
  const { shown, fraction, valid } = parts(time, zone);
  if (!valid) return time;
  const clock = [shown.getUTCHours(), shown.getUTCMinutes(), shown.getUTCSeconds()].map((n) => pad(n)).join(":");
  return `${clock}.${fraction.slice(0, 3).padEnd(3, "0")}`;
}

/**
 * The day: `Sat 2026-11-21`.
 * @param {string} time
 * @param {Zone} zone
 * @returns {string}
 */
export function day(time, zone) {
  const { shown, valid } = parts(time, zone);
  if (!valid) return "";
  return `${DAYS[shown.getUTCDay()]} ${shown.getUTCFullYear()}-${pad(shown.getUTCMonth() + 1)}-${pad(shown.getUTCDate())}`;
}

/**
 * Everything, with the zone: `Sat 2026-11-21 03:59:26.123456789 +00:00`.
 * @param {string} time
 * @param {Zone} zone
 * @returns {string}
 */
export function fullTime(time, zone) {
  const { offset, fraction, valid } = parts(time, zone);
  if (!valid) return time;
  const clock = timeOfDay(time, zone).slice(0, 8);
  return `${day(time, zone)} ${clock}${fraction === "" ? "" : `.${fraction}`} ${zone === "utc" ? "UTC" : offsetText(offset)}`;
}

/**
 * The zone's name for a button: `UTC`, or the local offset at that moment.
 * @param {Zone} zone
 * @param {Date} now
 * @returns {string}
 */
export function zoneText(zone, now) {
  return zone === "utc" ? "UTC" : `local ${offsetText(-now.getTimezoneOffset())}`;
}

/**
 * What a date and time control holds → RFC 3339 in UTC; null for what is no time.
 * @param {string} text such as `2026-11-21T03:59` or with seconds
 * @param {Zone} zone
 * @returns {string | null}
 */
export function fromControl(text, zone) {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) return null;
  const date = new Date(zone === "utc" ? `${text}Z` : text);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace(".000Z", "Z");
}

/**
 * RFC 3339 → what a date and time control holds, to the second.
 * @param {string} time
 * @param {Zone} zone
 * @returns {string}
 */
export function toControl(time, zone) {
  const { shown, valid } = parts(time, zone);
  return valid ? shown.toISOString().slice(0, 19) : "";
}

/** The levels, the worst first, with the marks that they have in the list. */
export const LEVELS = /** @type {const} */ ([
  ["fatal", "FATAL"],
  ["error", "ERROR"],
  ["warn", "WARN"],
  ["info", "info"],
  ["debug", "debug"],
  ["trace", "trace"],
  ["unknown", "·"],
]);

/**
 * The mark of a level; a level that this page does not know is its own mark.
 * @param {string} level
 * @returns {string}
 */
export function levelMark(level) {
  return LEVELS.find(([name]) => name === level)?.[1] ?? level;
}

/**
 * A number with separators: `1,204`.
 * @param {number} n
 * @returns {string}
 */
export function count(n) {
  return n.toLocaleString("en-US");
}

/**
 * A number and its noun: `1 line`, `1,204 lines`.
 * @param {number} n
 * @param {string} noun
 * @returns {string}
 */
export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** The hues that services are told apart by; those of warnings and errors are left out. */
const HUES = [95, 120, 140, 160, 178, 195, 212, 230, 250, 270, 290, 310];

/**
 * A hue in degrees, always the same for a name.
 * @param {string} name
 * @returns {number}
 */
export function hue(name) {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return HUES[((hash ^ (hash >>> 15)) >>> 0) % HUES.length];
}

/**
 * A line as it is shown: colours (ANSI escape sequences) are left out, and characters that would
 * draw nothing or turn the text round are made visible.
 * @param {string} line
 * @returns {string}
 */
export function visible(line) {
  return line
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])/g, "")
    .replace(/\r(?=\n|$)/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/**
 * The beginning of a long text, and how many characters and lines that leaves out.
 * @param {string} text
 * @param {number} maxChars
 * @param {number} maxLines
 * @returns {{head: string, restChars: number, restLines: number}}
 */
export function clip(text, maxChars, maxLines) {
  let end = Math.min(text.length, maxChars);
  let at = -1;
  for (let line = 0; line < maxLines; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0 || at >= end) break;
  }
  if (at >= 0 && at < end) end = at;
  // Not between the halves of a character.
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? "")) end -= 1;
  const rest = text.slice(end);
  return { head: text.slice(0, end), restChars: rest.length, restLines: rest.split("\n").length - 1 };
}

/**
 * The parts of a text, each a match of the pattern or not.
 * @param {string} text
 * @param {RegExp | null} pattern global
 * @returns {{text: string, match: boolean}[]}
 */
export function marked(text, pattern) {
  if (pattern === null) return text === "" ? [] : [{ text, match: false }];
  const list = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > at) list.push({ text: text.slice(at, match.index), match: false });
    list.push({ text: match[0], match: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) list.push({ text: text.slice(at), match: false });
  return list;
}

/**
 * A query with a mark below the column that an error names.
 * @param {string} query
 * @param {number} column in characters, from 1
 * @returns {{before: string, at: string, after: string}}
 */
export function splitAt(query, column) {
  const chars = [...query];
  const index = Math.min(Math.max(column - 1, 0), chars.length);
  return { before: chars.slice(0, index).join(""), at: chars[index] ?? "", after: chars.slice(index + 1).join("") };
}
