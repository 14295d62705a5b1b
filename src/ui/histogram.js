/**
 * How many lines there are in steps of time → bars over the list. A bar's click shows its step.
 */

import { count, fullTime, plural, timeOfDay } from "./format.js";
import { element } from "./row.js";

/** @import {Zone} from "./format.js" */

/**
 * @typedef {object} Counts
 * @property {string} start
 * @property {number} step_ms
 * @property {number} buckets
 * @property {{value: string, counts: number[]}[]} series
 * @property {number[]} [others]
 * @property {number} total
 * @property {boolean} partial
 */

/** From the bottom of a bar to its top: what is bad stands on the ground, where it is seen. */
const ORDER = ["fatal", "error", "warn", "info", "debug", "trace", "unknown"];

/**
 * The levels of one step, from the bottom up.
 * @param {Counts} counts
 * @param {number} step
 * @returns {{level: string, count: number}[]}
 */
export function levelsOf(counts, step) {
  const known = ORDER.map((level) => ({ level, count: counts.series.find(({ value }) => value === level)?.counts[step] ?? 0 }));
  const others = counts.series.filter(({ value }) => !ORDER.includes(value)).map((series) => series.counts[step] ?? 0);
  const rest = [...others, counts.others?.[step] ?? 0].reduce((sum, one) => sum + one, 0);
  return [...known, { level: "unknown", count: rest }].filter((part) => part.count > 0);
}

/** Bars in an element, which is hidden while there are none. */
export class Histogram {
  /**
   * @param {HTMLElement} at
   * @param {(from: string, to: string) => void} choose
   */
  constructor(at, choose) {
    this.at = at;
    this.choose = choose;
    this.shown = "";
    at.addEventListener("keydown", (event) => this.#key(event));
  }

  clear() {
    this.at.removeAttribute("aria-busy");
    this.at.hidden = true;
    this.shown = "";
  }

  /** Another question was asked: what is drawn is no answer to it. */
  wait() {
    this.shown = "";
    this.at.setAttribute("aria-busy", "true");
  }

  /**
   * @param {Counts} counts
   * @param {Zone} zone
   * @param {string} first where the range begins, if that is a moment
   * @param {string} end where it ends, likewise
   */
  draw(counts, zone, first = "", end = "") {
    this.at.removeAttribute("aria-busy");
    this.at.hidden = counts.total === 0;
    const key = JSON.stringify([counts, zone]);
    if (this.at.hidden || key === this.shown) return;
    this.shown = key;
    const focused = [...this.at.querySelectorAll("button")].findIndex((bar) => bar === document.activeElement);
    const start = Date.parse(counts.start.replace(/(\.\d{3})\d+/, "$1"));
    const moment = (/** @type {number} */ step) => new Date(start + step * counts.step_ms).toISOString();
    const steps = Array.from({ length: counts.buckets }, (_, step) => levelsOf(counts, step));
    const sums = steps.map((parts) => parts.reduce((sum, part) => sum + part.count, 0));
    const peak = Math.max(...sums, 1);
    const bars = steps.map((parts, step) => {
      const [from, to, sum] = [moment(step), moment(step + 1), sums[step] ?? 0];
      const bad = parts.filter(({ level }) => ["fatal", "error", "warn"].includes(level)).map((part) => `${count(part.count)} ${part.level}`);
      const label = `${fullTime(from.slice(0, 19) + "Z", zone)} to ${timeOfDay(to, zone).slice(0, 8)}: ${plural(sum, "line")}${bad.length > 0 ? ` (${bad.join(", ")})` : ""}`;
      const bar = element("button", "step");
      bar.type = "button";
      bar.title = label;
      bar.setAttribute("aria-label", label);
      bar.tabIndex = -1;
      for (const part of parts) {
        const piece = element("span", `part level-${part.level}`);
        piece.style.height = `${(100 * part.count) / peak}%`;
        bar.append(piece);
      }
      // The first and the last step may reach beyond the range.
      const beginsAt = /^\d/.test(first) && Date.parse(first) > Date.parse(from) ? first : from;
      const endsAt = end !== "" && Date.parse(end) < Date.parse(to) ? end : to;
      bar.addEventListener("click", () => this.choose(beginsAt, endsAt));
      return bar;
    });
    const last = bars.at(-1);
    if (last !== undefined) last.tabIndex = 0;
    const text = `${counts.partial ? "at least " : ""}${plural(counts.total, "line")}, at most ${count(peak)} in ${stepText(counts.step_ms)}`;
    const clock = (/** @type {number} */ step) => timeOfDay(moment(step), zone).slice(0, 8);
    this.at.replaceChildren(
      element("div", "bars", ...bars),
      element("div", "axis", element("span", "", clock(0)), element("span", "", text), element("span", "", clock(counts.buckets))),
    );
    bars[focused]?.focus();
  }

  /** One stop of the tab key for all bars; arrows go from one to the next. @param {KeyboardEvent} event */
  #key(event) {
    const bars = [...this.at.querySelectorAll("button")];
    const here = bars.findIndex((bar) => bar === document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const there = bars[here + (step ?? 0)];
    if (here < 0 || step === undefined || there === undefined) return;
    event.preventDefault();
    bars.forEach((bar) => (bar.tabIndex = bar === there ? 0 : -1));
    there.focus();
  }
}

/**
 * A step's length: `5 min`.
 * @param {number} ms
 * @returns {string}
 */
export function stepText(ms) {
  for (const [unit, size] of /** @type {const} */ ([["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]])) {
    if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  }
  return `${ms} ms`;
}
