/**
 * Records → a sorted, bounded list of rows that can be scrolled, walked and opened.
 *
 * At most MAX_ROWS stand in the document. What does not fit is dropped from the end that is
 * farther from what is being read, and counted: a hidden row is announced, never silent.
 */

import { day } from "./format.js";
import { comparePlaces, placeOf } from "./record.js";
import { detailsOf, rowOf, writeDay, writeTime } from "./row.js";

/** @import {LogRecord, Place} from "./record.js" */
/** @import {Zone} from "./format.js" */
/** @import {DetailActions} from "./row.js" */

/** @typedef {{record: LogRecord, place: Place, row: HTMLLIElement, day: string, shownDay: string}} Entry */

export const MAX_ROWS = 2000;

/** How near to the end, in pixels, counts as the end. */
const NEAR_PX = 24;

export class LogList {
  /** In order. @type {Entry[]} */
  #entries = [];
  /** @type {Map<string, Entry>} */
  #byId = new Map();
  /** The one that the keyboard is at. @type {HTMLLIElement | null} */
  #current = null;
  /** @type {Zone} */
  #zone = "local";
  /** @type {RegExp | null} */
  #pattern = null;
  /** Rows dropped from the beginning, and lines not shown at the end. */
  hiddenOlder = 0;
  hiddenNewer = 0;
  /** The newest line is in the list. */
  atNewest = true;
  /** The end of the list is kept in view. */
  pinned = true;
  #scrolledTo = 0;
  /** New lines since it was last in view. */
  unseen = 0;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list
   * @param {Omit<DetailActions, "close">} actions
   * @param {() => void} changed called when what is said about the list may have changed
   */
  constructor(scroller, list, actions, changed) {
    this.scroller = scroller;
    this.list = list;
    this.actions = actions;
    this.changed = changed;
    list.addEventListener("click", (event) => this.#click(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => this.#setCurrent(this.#rowAt(event.target)));
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.pinned && this.scrollToEnd()).observe(scroller);
  }

  get length() {
    return this.#entries.length;
  }

  /** @returns {LogRecord | undefined} */
  get first() {
    return this.#entries[0]?.record;
  }

  /** @returns {LogRecord | undefined} */
  get last() {
    return this.#entries.at(-1)?.record;
  }

  /** Empties the list. @param {Zone} zone @param {RegExp | null} pattern */
  reset(zone, pattern) {
    this.#zone = zone;
    this.#pattern = pattern;
    this.#entries = [];
    this.#byId.clear();
    this.#current = null;
    this.hiddenOlder = 0;
    this.hiddenNewer = 0;
    this.unseen = 0;
    this.atNewest = true;
    this.pinned = true;
    this.list.replaceChildren();
  }

  /**
   * Adds a page from before the first row. What then is too much goes from the end.
   * @param {LogRecord[]} records
   */
  addOlder(records) {
    this.#keepPlace(this.#entries[0], () => {
      this.#insert(records);
      const extra = this.#entries.length - MAX_ROWS;
      if (extra > 0) {
        this.#drop(this.#entries.splice(-extra));
        this.hiddenNewer += extra;
        this.atNewest = false;
        this.pinned = false;
      }
      this.hiddenOlder = Math.max(0, this.hiddenOlder - records.length);
    });
  }

  /**
   * Adds a page from behind the last row. What then is too much goes from the beginning.
   * @param {LogRecord[]} records
   * @param {boolean} isEnd there is nothing behind it
   */
  addNewer(records, isEnd) {
    this.#keepPlace(this.#entries.at(-1), () => {
      this.#insert(records);
      this.#dropOldest();
      this.hiddenNewer = isEnd ? 0 : Math.max(0, this.hiddenNewer - records.length);
      this.atNewest = isEnd;
    });
  }

  /**
   * Adds lines as they arrive, in any order and some of them again.
   * @param {LogRecord[]} records
   * @param {boolean} hasOlder there are lines before the first row that are not in the list
   */
  addLive(records, hasOlder) {
    const first = this.#entries[0]?.place;
    const isNew = records.filter((record) => {
      const known = this.#byId.get(record.id);
      if (known !== undefined) {
        this.#replace(known, record);
        return false;
      }
      // It belongs to a part that is loaded when someone scrolls there.
      return !(first && (hasOlder || this.hiddenOlder > 0) && comparePlaces(placeOf(record.id), first) < 0);
    });
    if (isNew.length === 0) return;
    // Who reads further up must not lose what they read.
    if (!this.atNewest || (!this.pinned && this.#entries.length + isNew.length > MAX_ROWS)) {
      this.skip(isNew.length);
      return;
    }
    const add = () => {
      this.#insert(isNew);
      this.#dropOldest();
    };
    if (this.pinned) {
      add();
      this.scrollToEnd();
    } else {
      this.#keepPlace(this.#firstInView(), add);
      this.unseen += isNew.length;
    }
    this.changed();
  }

  /** Leaves out lines at the end, as there are too many of them to show. @param {number} lines */
  skip(lines) {
    this.atNewest = false;
    this.hiddenNewer += lines;
    this.unseen += lines;
    this.changed();
  }

  /** Writes all times anew. @param {Zone} zone */
  setZone(zone) {
    this.#zone = zone;
    const open = this.#entries.filter((entry) => entry.row.querySelector(".details"));
    for (const entry of this.#entries) {
      writeTime(entry.row, entry.record, zone);
      entry.day = day(entry.record.time, zone);
    }
    this.#writeDays();
    for (const { row } of open) {
      this.#close(row);
      this.#open(row);
    }
  }

  scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.pinned = true;
    this.unseen = 0;
  }

  /** Moves the focus to the current row. */
  focus() {
    const row = this.#current ?? this.#entries.at(-1)?.row;
    const line = row?.querySelector(".line");
    if (line instanceof HTMLElement) line.focus({ preventScroll: true });
    else this.scroller.focus();
  }

  /** @param {LogRecord[]} records */
  #insert(records) {
    const fresh = [];
    for (const record of records) {
      const known = this.#byId.get(record.id);
      if (known !== undefined) {
        this.#replace(known, record);
        continue;
      }
      const entry = { record, place: placeOf(record.id), row: rowOf(record, this.#zone, this.#pattern), day: day(record.time, this.#zone), shownDay: "" };
      this.#byId.set(record.id, entry);
      fresh.push(entry);
    }
    fresh.sort((a, b) => comparePlaces(a.place, b.place));
    let at = this.#entries.length;
    // From the last on, each before what was inserted before it.
    for (const entry of fresh.reverse()) {
      while (at > 0 && comparePlaces(this.#entries[at - 1].place, entry.place) > 0) at -= 1;
      this.list.insertBefore(entry.row, this.#entries[at]?.row ?? null);
      this.#entries.splice(at, 0, entry);
    }
    this.#writeDays();
    if (this.#current === null) this.#setCurrent(this.#entries.at(-1)?.row ?? null);
    else if (this.pinned && !this.list.contains(document.activeElement)) this.#setCurrent(this.#entries.at(-1)?.row ?? null);
  }

  /**
   * More lines have joined a record since it was shown. A record only grows, so what comes late and
   * is shorter is old.
   * @param {Entry} entry
   * @param {LogRecord} record
   */
  #replace(entry, record) {
    if (record.line.length <= entry.record.line.length) return;
    const { row } = entry;
    const isOpen = row.querySelector(".details") !== null;
    const hadFocus = row.contains(document.activeElement);
    const made = rowOf(record, this.#zone, this.#pattern);
    entry.record = record;
    entry.row = made;
    row.replaceWith(made);
    if (entry.shownDay !== "") writeDay(made, entry.shownDay);
    if (row === this.#current) {
      this.#current = null;
      this.#setCurrent(made);
    }
    if (isOpen) this.#open(made);
    if (hadFocus) this.focus();
    if (this.pinned) this.scrollToEnd();
  }

  #dropOldest() {
    const extra = this.#entries.length - MAX_ROWS;
    if (extra <= 0) return;
    this.#drop(this.#entries.splice(0, extra));
    this.hiddenOlder += extra;
    this.#writeDays();
  }

  /** Each day stands above its first row. */
  #writeDays() {
    let before = "";
    for (const entry of this.#entries) {
      const text = entry.day === before ? "" : entry.day;
      if (text !== entry.shownDay) writeDay(entry.row, text);
      entry.shownDay = text;
      before = entry.day;
    }
  }

  /** @param {Entry[]} entries */
  #drop(entries) {
    for (const { row, record } of entries) {
      row.remove();
      this.#byId.delete(record.id);
      if (row === this.#current) this.#current = null;
    }
    if (this.#current === null) this.#setCurrent(this.#entries.at(-1)?.row ?? null);
  }

  /** Does what moves rows, and keeps this one where it is on the screen. @param {Entry | undefined} entry @param {() => void} act */
  #keepPlace(entry, act) {
    const line = entry?.row.querySelector(".line");
    const before = line?.getBoundingClientRect().top ?? 0;
    act();
    if (line?.isConnected) this.scroller.scrollTop += line.getBoundingClientRect().top - before;
    this.changed();
  }

  #firstInView() {
    const { top } = this.scroller.getBoundingClientRect();
    return this.#entries.find((entry) => entry.row.getBoundingClientRect().bottom > top);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // Who reads details at the end has them moved away by no new line.
    const isNear = scrollHeight - scrollTop - clientHeight <= NEAR_PX;
    if (isNear && this.atNewest && !this.#openInView()) {
      this.pinned = true;
      this.unseen = 0;
    } else if (scrollTop < this.#scrolledTo && !isNear) {
      this.pinned = false;
    }
    this.#scrolledTo = scrollTop;
    this.changed();
  }

  #openInView() {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    return [...this.list.querySelectorAll(".open")].some((row) => {
      const box = row.getBoundingClientRect();
      return box.bottom > top && box.top < bottom;
    });
  }

  /** @param {EventTarget | null} target @returns {HTMLLIElement | null} */
  #rowAt(target) {
    return target instanceof Element ? target.closest("li") : null;
  }

  /** @param {HTMLLIElement | null} row */
  #setCurrent(row) {
    if (row === this.#current) return;
    const [old, line] = [this.#current, row].map((it) => it?.querySelector(".line"));
    if (old instanceof HTMLElement) old.tabIndex = -1;
    if (line instanceof HTMLElement) line.tabIndex = 0;
    this.#current = row;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = this.#rowAt(event.target);
    if (row === null || !(event.target instanceof Element) || !event.target.closest(".line")) return;
    // Marking text to copy it is not a click on the row.
    if (document.getSelection()?.type === "Range") return;
    this.#toggle(row);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.#rowAt(event.target);
    if (row === null) return;
    const inDetails = event.target instanceof Element && event.target.closest(".details") !== null;
    if (event.key === "Escape" && row.querySelector(".details")) {
      this.#close(row);
      this.#focusRow(row);
    } else if (inDetails) {
      return;
    } else if (event.key === "Enter" || event.key === " ") {
      this.#toggle(row);
    } else if (event.key === "ArrowDown" || event.key === "j") {
      this.#focusRow(row.nextElementSibling);
    } else if (event.key === "ArrowUp" || event.key === "k") {
      this.#focusRow(row.previousElementSibling);
    } else if (event.key === "Home" || event.key === "g") {
      this.#focusRow(this.list.firstElementChild);
    } else if (event.key === "End" || event.key === "G") {
      this.#focusRow(this.list.lastElementChild);
      this.scrollToEnd();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Element | null} row */
  #focusRow(row) {
    const line = row?.querySelector(".line");
    if (!(line instanceof HTMLElement)) return;
    line.focus({ preventScroll: true });
    line.scrollIntoView({ block: "nearest" });
  }

  /** @param {HTMLLIElement} row */
  #toggle(row) {
    if (row.querySelector(".details")) this.#close(row);
    else this.#open(row);
  }

  /** @param {HTMLLIElement} row */
  #open(row) {
    const entry = this.#entries.find((it) => it.row === row);
    if (!entry) return;
    const close = () => {
      this.#close(row);
      this.#focusRow(row);
    };
    row.append(detailsOf(entry.record, this.#zone, this.#pattern, { ...this.actions, close }));
    row.classList.add("open");
    row.querySelector(".line")?.setAttribute("aria-expanded", "true");
    // New lines must not push away what was just opened.
    this.pinned = false;
    row.scrollIntoView({ block: "nearest" });
    this.changed();
  }

  /** @param {HTMLLIElement} row */
  #close(row) {
    row.querySelector(".details")?.remove();
    row.classList.remove("open");
    row.querySelector(".line")?.setAttribute("aria-expanded", "false");
    this.#scrolled();
  }
}
