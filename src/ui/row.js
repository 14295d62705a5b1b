/**
 * A record → its row in the list, and the table of its details. Text becomes text nodes.
 */

import { clip, fullTime, hue, levelMark, marked, plural, timeOfDay, visible } from "./format.js";
import { BUILTIN_FIELDS, fieldTerm } from "./query.js";

/** @import {LogRecord, FieldValue} from "./record.js" */
/** @import {Zone} from "./format.js" */

/** What a row shows of a line; its details show all of it. */
const MAX_CHARS = 3000;
const MAX_LINES = 40;

/**
 * An element with a class and what stands in it; strings become text nodes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {...(Node | string)} content
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, className = "", ...content) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...content);
  return made;
}

/**
 * @param {string} text
 * @param {(button: HTMLButtonElement) => void} act
 * @param {string} [label] for those who do not see where it stands
 * @returns {HTMLButtonElement}
 */
export function button(text, act, label) {
  const made = element("button", "", text);
  made.type = "button";
  if (label !== undefined) made.setAttribute("aria-label", label);
  made.addEventListener("click", () => act(made));
  return made;
}

/** @param {string} text @param {RegExp | null} pattern */
function markedNodes(text, pattern) {
  return marked(text, pattern).map((part) => (part.match ? element("mark", "", part.text) : part.text));
}

/** @param {LogRecord} record */
const speaker = (record) => ((record.number ?? 0) > 1 ? `${record.service}-${record.number}` : record.service);

/**
 * Writes the row's time, which depends on the zone.
 * @param {HTMLElement} row
 * @param {LogRecord} record
 * @param {Zone} zone
 */
export function writeTime(row, record, zone) {
  const time = row.querySelector("time");
  if (time === null) return;
  time.textContent = timeOfDay(record.time, zone);
  time.title = fullTime(record.time, zone);
}

/**
 * Shows the day above the row; an empty one is none.
 * @param {HTMLElement} row
 * @param {string} text
 */
export function writeDay(row, text) {
  row.querySelector(":scope > .day")?.remove();
  if (text !== "") row.prepend(element("div", "day", text));
}

/**
 * The row, without its day.
 * @param {LogRecord} record
 * @param {Zone} zone
 * @param {RegExp | null} pattern
 * @returns {HTMLLIElement}
 */
export function rowOf(record, zone, pattern) {
  const isGap = record.kind === "gap";
  const service = element("span", "service", speaker(record));
  service.title = record.project ? `container ${record.container}, project ${record.project}` : `container ${record.container}`;
  service.style.setProperty("--hue", String(hue(record.service)));
  const level = element("span", "level", isGap ? "GAP" : levelMark(record.level));
  level.title = isGap ? "lines are missing here" : `level ${record.level}`;

  const { head, restChars, restLines } = clip(visible(record.line), MAX_CHARS, MAX_LINES);
  const text = element("span", "text", ...markedNodes(head, pattern));
  const notes = element("span", "notes");
  if (restChars > 0) {
    const more = restLines > 0 ? plural(restLines, "more line") : plural(restChars, "more character");
    notes.append(element("span", "note", `… ${more}: open to read`));
  }
  if (record.truncated) notes.append(element("span", "note cut", "cut off: the line was longer than Foghorn keeps"));
  if (record.line === "") notes.append(element("span", "note", "empty line"));

  const line = element("div", "line", element("time"), " ", service, " ", level, " ", text);
  if (notes.hasChildNodes()) line.append(notes);
  line.tabIndex = -1;
  line.setAttribute("role", "button");
  line.setAttribute("aria-expanded", "false");
  const row = element("li", `row level-${isGap ? "gap" : record.level}`, line);
  writeTime(row, record, zone);
  return row;
}

/**
 * What a record's details offer.
 * @typedef {object} DetailActions
 * @property {(field: string, value: FieldValue) => void} only
 * @property {(field: string, value: FieldValue) => void} exclude
 * @property {(text: string) => Promise<boolean>} copy
 * @property {() => void} close
 */

/** @param {DetailActions} actions @param {string} text @param {string} label @param {string} name */
function copyButton(actions, text, label, name) {
  return button(name, async (made) => {
    made.textContent = (await actions.copy(text)) ? "copied" : "not allowed";
    setTimeout(() => (made.textContent = name), 1500);
  }, label);
}

/**
 * The table of everything that is known of a record.
 * @param {LogRecord} record
 * @param {Zone} zone
 * @param {RegExp | null} pattern
 * @param {DetailActions} actions
 * @returns {HTMLElement}
 */
export function detailsOf(record, zone, pattern, actions) {
  const body = element("tbody");
  /** @param {string} name @param {FieldValue} value @param {string | null} term @param {string} [shown] */
  const add = (name, value, term, shown) => {
    const acts = element("td", "acts");
    if (term !== null) {
      acts.append(
        button("only", () => actions.only(name, value), `show only ${term}`),
        button("exclude", () => actions.exclude(name, value), `exclude ${term}`),
      );
    }
    acts.append(copyButton(actions, String(value), `copy ${name}`, "copy"));
    const head = element("th", "", name);
    head.scope = "row";
    body.append(element("tr", "", head, element("td", "value", ...markedNodes(shown ?? visible(String(value)), pattern)), acts));
  };

  add("time", record.time, null, fullTime(record.time, zone));
  add("service", record.service, fieldTerm("service", record.service));
  add("container", record.container, fieldTerm("container", record.container));
  if (record.project) add("project", record.project, fieldTerm("project", record.project));
  if (record.number) add("number", record.number, fieldTerm("number", record.number));
  add("level", record.level, fieldTerm("level", record.level));
  add("stream", record.stream, fieldTerm("stream", record.stream));
  if (record.kind !== "line") add("kind", record.kind, fieldTerm("kind", record.kind));
  add("container_id", record.container_id, fieldTerm("container_id", record.container_id));
  for (const name of /** @type {const} */ (["format", "logger", "log_time", "trace_id", "span_id", "request_id", "signature"])) {
    const value = record[name];
    if (value) add(name, value, name === "log_time" ? null : fieldTerm(name, value));
  }
  for (const part of /** @type {const} */ (["http", "operation", "error"])) {
    for (const [name, value] of Object.entries(record[part] ?? {})) {
      // The stack stands in the line.
      if (name !== "stack") add(`${part}.${name}`, value, fieldTerm(`${part}.${name}`, value));
    }
  }
  const fields = Object.entries(record.fields ?? {});
  for (const [name, value] of fields) {
    // The built-in field of that name hides it from queries.
    add(name, value, BUILTIN_FIELDS.includes(name.toLowerCase()) ? null : fieldTerm(name, value));
  }

  const whole = element("pre", "whole", ...markedNodes(visible(record.line), pattern));
  whole.tabIndex = 0;
  whole.setAttribute("aria-label", "the whole line");
  const table = element("table", "", body);
  table.setAttribute("aria-label", "what is known of this line");
  const bar = element("div", "bar", copyButton(actions, record.line, "copy the line as it was written", "copy line"), button("close", actions.close));
  const details = element("div", "details", bar, whole, table);
  if (record.truncated) bar.prepend(element("span", "note cut", "the end of this line was cut off: it was longer than Foghorn keeps"));
  return details;
}
