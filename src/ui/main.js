/**
 * The page: the address ↔ what is shown, and the user's hand on it.
 *
 * What is shown is the answer of one session: every change of the query or the range ends the one
 * before, with its requests, so an answer that comes late is never shown under another question.
 */

import { ApiError, histogram as fetchHistogram, isAbort, live, logs, status as fetchStatus } from "./api.js";
import { LEVELS, count, fromControl, plural, splitAt, toControl, zoneText } from "./format.js";
import { Histogram } from "./histogram.js";
import { LogList } from "./list.js";
import { emptyNotice, problems } from "./notices.js";
import { fieldValue, highlight, withField, withoutValue } from "./query.js";
import { button, element } from "./row.js";
import { RANGES, format, parse } from "./url.js";

/** @import {State} from "./url.js" */
/** @import {Status} from "./api.js" */
/** @import {LogRecord} from "./record.js" */

const PAGE = 300;
/** A page that nobody looks at gives its live stream back: a browser has six for all tabs. */
const HIDDEN_MS = 60_000;
/** How many pages of missed lines are fetched before the list begins anew with the newest. */
const CATCH_UP_PAGES = 4;
/** Lines of several containers arrive a little out of order: look again this far back. */
const CATCH_UP_NS = 10_000_000_000n;
/** Live lines may be stored a moment after they were sent: look once more then. */
const SECOND_LOOK_MS = 3000;
const FLUSH_MS = 80;
/** Counting again is left out where it takes longer. */
const COUNT_MS = 500;
const STATUS_MS = 5000;
const STATUS_LOST_MS = 2000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15_000];
/** Lines that wait for the next flush; more than the list can show are only counted. */
const MAX_WAITING = 2000;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function get(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return found;
}

const at = {
  search: get("search", HTMLFormElement), query: get("query", HTMLInputElement), queryError: get("query-error", HTMLElement),
  range: get("range", HTMLSelectElement), service: get("service", HTMLSelectElement), level: get("level", HTMLSelectElement),
  follow: get("follow", HTMLButtonElement), zone: get("zone", HTMLButtonElement), wrap: get("wrap", HTMLButtonElement),
  custom: get("custom", HTMLFormElement), customFrom: get("custom-from", HTMLInputElement), customTo: get("custom-to", HTMLInputElement),
  customError: get("custom-error", HTMLElement), histogram: get("histogram", HTMLElement), banners: get("banners", HTMLElement), scroller: get("scroller", HTMLElement),
  list: get("list", HTMLElement), empty: get("empty", HTMLElement), older: get("older", HTMLElement), newer: get("newer", HTMLElement),
  olderText: get("older-text", HTMLElement), newerText: get("newer-text", HTMLElement), olderButton: get("older-button", HTMLButtonElement),
  newerButton: get("newer-button", HTMLButtonElement), jump: get("jump", HTMLButtonElement), shown: get("shown", HTMLElement),
  about: get("about", HTMLElement), help: get("help", HTMLDialogElement), helpButton: get("help-button", HTMLButtonElement),
};

/** @type {State} */
let state = parse(location.search);
/** @type {Status | null} */
let lastStatus = null;
/** Why Foghorn does not answer; null while it does. @type {string | null} */
let lost = null;

/** One question and everything that is asked for its answer. */
let session = new AbortController();
/** @import {Phase} from "./notices.js" */
/** @type {Phase} */
let phase = "loading";
let failure = "";
let hasOlder = false;
let partial = false;
let loadingMore = false;
/** @type {"off" | "connecting" | "on" | "retrying"} */
let liveState = "off";
let liveNote = "";
let lagNote = "";
/** @type {LogRecord[]} */
let waiting = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let flushTimer;

const list = new LogList(at.scroller, at.list, {
  only: (field, value) => go({ query: withField(state.query, field, value) }),
  exclude: (field, value) => go({ query: withoutValue(state.query, field, value) }),
  copy,
}, () => showEdges());

const histogram = new Histogram(at.histogram, (from, to) => go({ from, to }));

// ---- what is asked for

/** Goes to another state, as a link would. @param {Partial<State>} change */
function go(change) {
  const next = { ...state, ...change };
  if (next.to !== "") next.follow = false;
  const url = location.pathname + format(next);
  if (url !== location.pathname + location.search) history.pushState(null, "", url);
  enter(next);
}

/** @param {State} next */
function enter(next) {
  const before = state;
  state = next;
  showControls();
  const same = before.query === next.query && before.from === next.from && before.to === next.to;
  if (same && before.follow === next.follow) {
    if (before.zone !== next.zone) {
      list.setZone(next.zone);
      void showHistogram(session.signal);
    }
    return;
  }
  if (same && !next.follow && phase === "shown") {
    // What is shown stays; only the following ends.
    stopLive();
    showAll();
    return;
  }
  void ask();
}

const logParameters = () => ({ query: state.query, from: state.from, to: state.to, limit: PAGE });

/** Asks the state's question anew. */
async function ask() {
  session.abort();
  session = new AbortController();
  const { signal } = session;
  stopLive();
  phase = "loading";
  lagNote = "";
  histogram.wait();
  at.scroller.setAttribute("aria-busy", "true");
  at.queryError.replaceChildren();
  at.query.removeAttribute("aria-invalid");
  showEdges();
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const page = await logs({ ...logParameters(), order: "newest" }, signal);
      list.reset(state.zone, highlight(state.query));
      list.addNewer(page.records, true);
      list.scrollToEnd();
      hasOlder = page.next_cursor !== null;
      partial = page.partial;
      phase = "shown";
      found();
      at.scroller.removeAttribute("aria-busy");
      showAll();
      void showHistogram(signal);
      if (state.follow) void followLive(signal);
      return;
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      const problem = error instanceof ApiError ? error : new ApiError(String(error));
      list.reset(state.zone, null);
      histogram.clear();
      hasOlder = false;
      partial = false;
      at.scroller.removeAttribute("aria-busy");
      failure = problem.message;
      phase = problem.status === 400 ? "refused" : "failed";
      if (problem.status === 0) lose(problem.message);
      if (phase === "refused") showRefusal(problem);
      showAll();
      if (phase === "refused") return;
      await pause(RETRY_MS[Math.min(attempt + 1, RETRY_MS.length - 1)], signal);
    }
  }
}

let countedIn = 0;
/** Only the last question's bars are drawn. */
let counting = new AbortController();

/** Counts what the list shows a part of; without an answer there are no bars. @param {AbortSignal} signal */
async function showHistogram(signal) {
  counting.abort();
  counting = new AbortController();
  const both = AbortSignal.any([signal, counting.signal]);
  const began = performance.now();
  // Not asked again before there is an answer.
  countedIn = Infinity;
  try {
    const counts = await fetchHistogram({ query: state.query, from: state.from, to: state.to, by: "level" }, both);
    if (both.aborted) return;
    histogram.draw(counts, state.zone, state.from, state.to);
  } catch (error) {
    if (both.aborted || isAbort(error)) return;
    histogram.clear();
  }
  countedIn = performance.now() - began;
}

/** @param {"older" | "newer"} direction */
async function loadMore(direction) {
  const edge = direction === "older" ? list.first : list.last;
  if (loadingMore || edge === undefined || phase !== "shown") return;
  const { signal } = session;
  loadingMore = true;
  showEdges();
  try {
    // A record's id is the cursor of the page behind it.
    const page = await logs({ ...logParameters(), cursor: edge.id, order: direction === "older" ? "newest" : "oldest" }, signal);
    if (direction === "older") {
      hasOlder = page.next_cursor !== null;
      list.addOlder(page.records);
    } else {
      list.addNewer(page.records, page.next_cursor === null);
      if (list.atNewest && state.follow) void catchUp(signal);
    }
    partial ||= page.partial;
    found();
  } catch (error) {
    if (signal.aborted || isAbort(error)) return;
    failure = error instanceof Error ? error.message : String(error);
    const text = direction === "older" ? at.olderText : at.newerText;
    showEdges();
    text.textContent = `not loaded: ${failure}`;
    return;
  } finally {
    loadingMore = false;
  }
  showAll();
}

function toNewest() {
  if (list.atNewest) {
    list.scrollToEnd();
    showEdges();
  } else {
    void ask();
  }
}

// ---- following

function stopLive() {
  liveSession?.abort();
  liveSession = null;
  liveState = "off";
  liveNote = "";
  waiting = [];
  clearTimeout(flushTimer);
  flushTimer = undefined;
}

/** @type {AbortController | null} */
let liveSession = null;

/** Reads along, and again after each failure, until the session ends. @param {AbortSignal} parent */
async function followLive(parent) {
  liveSession?.abort();
  const own = new AbortController();
  liveSession = own;
  parent.addEventListener("abort", () => own.abort(), { once: true });
  const { signal } = own;
  let attempt = 0;
  liveState = "connecting";
  while (!signal.aborted) {
    try {
      await live(state.query, {
        open: () => {
          attempt = 0;
          liveState = "on";
          liveNote = "";
          found();
          showAll();
          void catchUp(signal).then(() => pause(SECOND_LOOK_MS, signal)).then(() => catchUp(signal));
        },
        record: take,
        lagged: (batches) => {
          lagNote = `this page was too slow and missed ${plural(batches, "batch").replace("batchs", "batches")}; they are fetched again`;
          showAll();
          void catchUp(signal).then(() => pause(SECOND_LOOK_MS, signal)).then(() => catchUp(signal)).then(() => {
            lagNote = "";
            showAll();
          });
        },
      }, signal);
      liveNote = "the stream ended";
    } catch (error) {
      if (signal.aborted) return;
      liveNote = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError && error.status === 0) void checkStatus();
    }
    if (signal.aborted) return;
    liveState = "retrying";
    showAll();
    await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)], signal);
    attempt += 1;
  }
}

/** @param {LogRecord} record */
function take(record) {
  waiting.push(record);
  if (waiting.length > 2 * MAX_WAITING) {
    list.hiddenOlder += waiting.length - MAX_WAITING;
    waiting = waiting.slice(-MAX_WAITING);
    hasOlder = true;
  }
  flushTimer ??= setTimeout(flush, FLUSH_MS);
}

function flush() {
  flushTimer = undefined;
  const records = waiting;
  waiting = [];
  list.addLive(records, hasOlder);
  showAll();
}

let catchingUp = false;
let catchUpAgain = false;

/** Fetches what was missed since the last line, without a live stream or behind its back. @param {AbortSignal} signal */
async function catchUp(signal) {
  if (catchingUp) {
    catchUpAgain = true;
    return;
  }
  // What is not shown at the end is fetched when someone goes there.
  if (!list.atNewest || signal.aborted) return;
  catchingUp = true;
  try {
    const last = list.last;
    const { from } = last === undefined ? state : { from: before(last.time, CATCH_UP_NS) };
    /** @type {LogRecord[]} */
    const missed = [];
    let cursor = "";
    for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
      const answer = await logs({ query: state.query, from, cursor, order: "newest", limit: PAGE }, signal);
      missed.push(...answer.records);
      cursor = answer.next_cursor ?? "";
      if (cursor === "") break;
    }
    if (cursor !== "" && !missed.some((record) => record.id === last?.id)) {
      // Too much to join up. Who reads further up keeps what they read; else the list begins
      // anew, and what lies between is loaded by scrolling up.
      if (!list.pinned) return list.skip(missed.length);
      list.reset(state.zone, highlight(state.query));
      hasOlder = true;
    }
    list.addLive(missed, hasOlder);
    showAll();
  } catch (error) {
    // The stream fails as well then, and asks again when it is back.
    if (!signal.aborted && !isAbort(error)) liveNote = error instanceof Error ? error.message : String(error);
  } finally {
    catchingUp = false;
    if (catchUpAgain) {
      catchUpAgain = false;
      if (!signal.aborted) void catchUp(signal);
    }
  }
}

/** A moment before the time. @param {string} time @param {bigint} ns */
function before(time, ns) {
  return new Date(Date.parse(time.replace(/(\.\d{3})\d+/, "$1")) - Number(ns / 1_000_000n)).toISOString();
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

// ---- how Foghorn is

/** @param {string} message */
function lose(message) {
  if (lost === null) scheduleStatus(STATUS_LOST_MS);
  lost = message;
}

function found() {
  lost = null;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let statusTimer;
let checking = false;

/** @param {number} ms */
function scheduleStatus(ms) {
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => void checkStatus(), ms);
}

async function checkStatus() {
  if (checking) return;
  checking = true;
  clearTimeout(statusTimer);
  const wasLost = lost !== null;
  try {
    lastStatus = await fetchStatus(AbortSignal.timeout(10_000));
    found();
    if (state.follow && phase === "shown" && !document.hidden && countedIn < COUNT_MS) void showHistogram(session.signal);
    // What failed while Foghorn was away is asked again.
    if (wasLost && phase === "failed") void ask();
    else if (wasLost && liveState === "retrying") void followLive(session.signal);
  } catch (error) {
    const problem = error instanceof ApiError ? error : new ApiError("Foghorn does not answer in time");
    // An answer that is an error is still an answer, unless it is a proxy's.
    if (problem.status === 0 || problem.code === "") lose(problem.message);
  }
  checking = false;
  showControls();
  showAll();
  scheduleStatus(lost === null ? STATUS_MS : STATUS_LOST_MS);
}

// ---- showing it

function showAll() {
  showBanners();
  showEmpty();
  showEdges();
  const shown = phase === "loading" ? "loading …" : phase === "shown" ? `${plural(list.length, "line")} shown` : "";
  const following = { off: "", connecting: "connecting …", on: "following", retrying: `not following: ${liveNote}; trying again` }[liveState];
  setText(at.shown, [shown, following, lagNote].filter((text) => text !== "").join(" · "));
  at.follow.dataset.live = liveState;
  at.follow.title = state.follow ? `${following || "following"} (f)` : "Show new lines as they arrive (f)";
  const it = lastStatus;
  if (it === null) return;
  const reading = it.containers.filter(({ reading }) => reading === "following" || reading === "polling").length;
  setText(at.about, `foghorn ${it.version} · ${it.engine.version === null ? "no engine" : `${it.engine.version} · reading ${plural(reading, "container")}`}`);
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let bannersShown = "";

function showBanners() {
  const list = problems(lastStatus, lost, partial && phase === "shown");
  // Rewritten only when it changes, as each time is read aloud.
  const key = JSON.stringify(list);
  if (key === bannersShown) return;
  bannersShown = key;
  at.banners.replaceChildren(...list.map(([kind, title, text]) => element("div", `banner ${kind}`, element("b", "", title), ` ${text}`)));
}

let emptyShown = "";

function showEmpty() {
  const isEmpty = list.length === 0 && phase !== "loading";
  at.empty.hidden = !isEmpty;
  if (!isEmpty) {
    emptyShown = "";
    return;
  }
  const { title, text, offers } = emptyNotice(state, phase, failure, lastStatus);
  const key = JSON.stringify([title, text, offers]);
  if (key === emptyShown) return;
  emptyShown = key;
  at.empty.replaceChildren(element("h2", "", title), element("p", "", text), ...offers.map(([label, change]) => button(label, () => go(change))));
}

function showEdges() {
  const { pinned } = list;
  const shown = phase === "shown" && list.length > 0;
  at.older.hidden = !shown || !(hasOlder || list.hiddenOlder > 0);
  setText(at.olderText, list.hiddenOlder > 0 ? `${count(list.hiddenOlder)} older ${list.hiddenOlder === 1 ? "line is" : "lines are"} hidden, to keep the page quick` : "");
  at.newer.hidden = !shown || list.atNewest;
  setText(at.newerText, list.hiddenNewer > 0 ? `${count(list.hiddenNewer)} newer ${list.hiddenNewer === 1 ? "line is" : "lines are"} hidden, to keep the page quick` : "");
  at.olderButton.disabled = at.newerButton.disabled = loadingMore;
  at.jump.hidden = !shown || (list.pinned && list.atNewest) || (list.unseen === 0 && list.atNewest && !state.follow);
  setText(at.jump, list.unseen > 0 ? `${plural(list.unseen, "new line")} ↓` : "To the newest ↓");
  if (pinned) list.scrollToEnd();
  // Near the beginning, what comes before it is fetched unasked.
  if (shown && (hasOlder || list.hiddenOlder > 0) && !list.pinned && at.scroller.scrollTop < 300 && wantsOlder) {
    wantsOlder = false;
    void loadMore("older");
  }
}

/** Set by a scroll upwards, so that a failed load is not repeated by itself. */
let wantsOlder = false;
let scrolledTo = 0;
at.scroller.addEventListener("scroll", () => {
  const { scrollTop } = at.scroller;
  if (scrollTop < scrolledTo && !loadingMore) {
    wantsOlder = true;
    showEdges();
    wantsOlder = false;
  }
  scrolledTo = scrollTop;
}, { passive: true });

/** Shows where the query is wrong. @param {ApiError} problem */
function showRefusal(problem) {
  const parts = [];
  if (problem.parameter === "query" || problem.column > 0) {
    at.query.setAttribute("aria-invalid", "true");
    if (problem.column > 0) {
      const { before, at: there, after } = splitAt(state.query, problem.column);
      const pre = element("pre", "", before, element("span", "at", there === "" || there === " " ? "\u00a0" : there), after);
      pre.setAttribute("aria-hidden", "true");
      parts.push(pre);
      if (document.activeElement === at.query) at.query.setSelectionRange(before.length, before.length + there.length);
    }
  }
  at.queryError.replaceChildren(...parts, element("div", "", problem.message));
}

/** @param {HTMLSelectElement} select @param {string} value @param {string} label */
function selectValue(select, value, label) {
  for (const option of [...select.options]) if (option.dataset.own && option.value !== value) option.remove();
  if (![...select.options].some((option) => option.value === value)) {
    const option = new Option(label, value);
    option.dataset.own = "yes";
    select.append(option);
  }
  select.value = value;
}

let servicesShown = "";

/** A service's name is only unique within its project. @param {string} project @param {string} service */
const serviceKey = (project, service) => JSON.stringify([project, service]);

function showServices() {
  /** @type {Map<string, Set<string>>} */
  const projects = new Map();
  for (const { container } of lastStatus?.containers ?? []) {
    const project = container.project ?? "";
    projects.set(project, (projects.get(project) ?? new Set()).add(container.service));
  }
  const sorted = [...projects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([project, services]) => /** @type {const} */ ([project, [...services].sort()]));
  const key = JSON.stringify(sorted);
  if (key !== servicesShown && document.activeElement !== at.service) {
    servicesShown = key;
    /** @type {(HTMLOptionElement | HTMLOptGroupElement)[]} */
    const options = [new Option("all services", "")];
    for (const [project, services] of sorted) {
      if (sorted.length === 1) {
        options.push(...services.map((service) => new Option(service, serviceKey("", service))));
        continue;
      }
      const group = element("optgroup");
      group.label = project === "" ? "outside Compose" : project;
      group.append(...services.map((service) => new Option(service, serviceKey(project, service))));
      options.push(group);
    }
    at.service.replaceChildren(...options);
  }
  const service = fieldValue(state.query, "service");
  const project = fieldValue(state.query, "project") ?? "";
  if (service === null) selectValue(at.service, "", "all services");
  else selectValue(at.service, serviceKey(project, service), service);
}

function showControls() {
  if (document.activeElement !== at.query || at.query.dataset.asked !== state.query) at.query.value = state.query;
  at.query.dataset.asked = state.query;
  showServices();
  const level = fieldValue(state.query, "level") ?? "";
  selectValue(at.level, level, level);
  const isCustom = state.to !== "" || !RANGES.some(([from]) => from === state.from);
  at.range.value = isCustom ? "custom" : state.from;
  if (isCustom || !customOpen) at.custom.hidden = !isCustom;
  if (isCustom && !at.custom.contains(document.activeElement)) {
    at.customFrom.value = /^\d/.test(state.from) ? toControl(state.from, state.zone) : "";
    at.customTo.value = state.to === "" ? "" : toControl(state.to, state.zone);
  }
  at.follow.setAttribute("aria-pressed", String(state.follow));
  at.wrap.setAttribute("aria-pressed", String(state.wrap));
  at.list.classList.toggle("nowrap", !state.wrap);
  setText(at.zone, zoneText(state.zone, new Date()));
  at.zone.setAttribute("aria-label", `times are in ${zoneText(state.zone, new Date())}: change`);
  document.title = state.query === "" ? "Foghorn" : `${state.query} – Foghorn`;
}

/** @param {string} text @returns {Promise<boolean>} */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS and off localhost there is no clipboard but this one.
    const area = element("textarea", "unseen");
    area.value = text;
    document.body.append(area);
    const focused = document.activeElement;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return done;
  }
}

// ---- the user's hand

let customOpen = false;

at.range.append(...RANGES.map(([from, name]) => new Option(name, from)), new Option("custom …", "custom"));
at.level.append(...LEVELS.map(([level]) => new Option(level === "unknown" ? "no level" : level, level)));

at.search.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = at.query.value.trim();
  if (query === state.query) void ask();
  else go({ query });
});
at.query.addEventListener("search", () => at.query.value === "" && state.query !== "" && go({ query: "" }));
at.query.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
  list.focus();
});
at.range.addEventListener("change", () => {
  customOpen = at.range.value === "custom";
  if (!customOpen) {
    go({ from: at.range.value, to: "" });
    return;
  }
  at.custom.hidden = false;
  const now = Date.now();
  at.customFrom.value ||= toControl(new Date(now - 3_600_000).toISOString(), state.zone);
  at.customTo.value ||= toControl(new Date(now).toISOString(), state.zone);
  at.customFrom.focus();
});
at.custom.addEventListener("submit", (event) => {
  event.preventDefault();
  const from = at.customFrom.value === "" ? "" : fromControl(at.customFrom.value, state.zone);
  const to = at.customTo.value === "" ? "" : fromControl(at.customTo.value, state.zone);
  const wrong = from === null || to === null ? "not a date and time" : from !== "" && to !== "" && from >= to ? "\"from\" has to be before \"to\"" : "";
  at.customError.textContent = wrong;
  if (wrong !== "" || from === null || to === null) return;
  customOpen = false;
  go({ from, to });
});
at.service.addEventListener("change", () => {
  const [project, service] = at.service.value === "" ? ["", null] : JSON.parse(at.service.value);
  go({ query: withField(withField(state.query, "project", project === "" ? null : project), "service", service) });
});
at.level.addEventListener("change", () => go({ query: withField(state.query, "level", at.level.value === "" ? null : at.level.value) }));

const toggleFollow = () => go(state.follow ? { follow: false } : { follow: true, to: "" });
const toggleZone = () => go({ zone: state.zone === "utc" ? "local" : "utc" });
const toggleWrap = () => {
  go({ wrap: !state.wrap });
  if (list.pinned) list.scrollToEnd();
};
at.follow.addEventListener("click", toggleFollow);
at.zone.addEventListener("click", toggleZone);
at.wrap.addEventListener("click", toggleWrap);
at.helpButton.addEventListener("click", () => at.help.showModal());
at.olderButton.addEventListener("click", () => void loadMore("older"));
at.newerButton.addEventListener("click", () => void loadMore("newer"));
at.jump.addEventListener("click", () => {
  toNewest();
  list.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at.help.open) return;
  const target = event.target;
  if (target instanceof HTMLElement && target.closest("input, select, textarea")) {
    if (event.key === "Escape") list.focus();
    return;
  }
  /** @type {Record<string, () => void>} */
  const keys = {
    "/": () => (at.query.focus(), at.query.select()),
    "?": () => at.help.showModal(),
    f: toggleFollow,
    u: toggleZone,
    w: toggleWrap,
    j: () => list.focus(),
    k: () => list.focus(),
    ArrowUp: () => list.focus(),
    ArrowDown: () => list.focus(),
    G: toNewest,
    Escape: () => list.focus(),
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

addEventListener("popstate", () => {
  customOpen = false;
  enter(parse(location.search));
});
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiddenTimer;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(stopLive, HIDDEN_MS);
    return;
  }
  if (state.follow && phase === "shown" && liveState !== "on") void followLive(session.signal);
  void checkStatus();
});

showControls();
void ask();
void checkStatus();
