/**
 * How Foghorn is → what to say about it, and what to do next. Pure.
 */

import { plural } from "./format.js";
import { rangeWords } from "./url.js";

/** @import {Status} from "./api.js" */
/** @import {State} from "./url.js" */

/**
 * How the question of the moment stands: a refused one was wrong, a failed one is asked again.
 * @typedef {"loading" | "shown" | "failed" | "refused"} Phase
 *
 * @typedef {[kind: "bad" | "warn", title: string, text: string]} Problem
 */

/** @param {string} text */
function ended(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** @param {string} text */
function sentence(text) {
  return ended(`${text.charAt(0).toUpperCase()}${text.slice(1)}`);
}

/**
 * What is wrong, the worst first.
 * @param {Status | null} status
 * @param {string | null} lost why Foghorn does not answer
 * @param {boolean} partial the search was ended before it was done
 * @returns {Problem[]}
 */
export function problems(status, lost, partial) {
  /** @type {Problem[]} */
  const list = [];
  if (lost !== null) {
    list.push(["bad", "No connection to Foghorn.", `${sentence(lost)} This page goes on by itself as soon as it is back. If it stays away: docker compose logs foghorn`]);
  } else if (status !== null) {
    const { engine, store, containers } = status;
    if (engine.error !== null) {
      list.push(["bad", "Foghorn cannot reach the engine.", `${engine.host}: ${ended(engine.error)} No new lines until it can; those that were kept can be searched. Is the engine running, and its socket or socket proxy given to Foghorn? "foghorn check" tells what is missing.`]);
    }
    if (store.paused !== null) {
      list.push(["bad", "New lines are not being kept.", `${sentence(store.paused)} The engine holds them, and Foghorn goes on by itself when it can: free some space, or lower retention.max_bytes.`]);
    }
    if (store.damaged.length > 0) {
      list.push(["warn", "A part of the store is damaged.", `${sentence(store.damaged.join("; "))} Lines of that time may be missing here; all others are found.`]);
    }
    const unread = containers.filter(({ reading }) => reading === "unreadable");
    if (unread.length > 0) {
      const names = unread.slice(0, 3).map(({ container, note }) => `${container.name}${note ? ` (${note})` : ""}`).join("; ");
      list.push(["warn", `The engine cannot give the log of ${plural(unread.length, "container")}.`, names + (unread.length > 3 ? "; …" : ".")]);
    }
    const wrong = containers.filter(({ warnings = [] }) => warnings.length > 0);
    if (wrong.length > 0) {
      const names = wrong.slice(0, 3).map(({ container, warnings = [] }) => `${container.name} (${warnings.join("; ")})`).join("; ");
      list.push(["warn", `Labels of ${plural(wrong.length, "container")} are wrong and change nothing.`, names + (wrong.length > 3 ? "; …" : ".")]);
    }
  }
  if (partial) {
    list.push(["warn", "The search took too long and was ended.", "Matching lines may be missing: choose a shorter time range or a more exact query."]);
  }
  return list;
}

/**
 * What stands where no line does, with what can be done there.
 * @param {State} state
 * @param {Phase} phase
 * @param {string} failure
 * @param {Status | null} status
 * @returns {{title: string, text: string, offers: [label: string, change: Partial<State>][]}}
 */
export function emptyNotice(state, phase, failure, status) {
  if (phase === "refused") return { title: "Nothing was searched", text: "Correct the search above, and press Enter.", offers: [] };
  if (phase === "failed") return { title: "The search failed", text: `${sentence(failure)} It is tried again.`, offers: [] };
  /** @type {[label: string, change: Partial<State>][]} */
  const offers = [];
  if (state.from !== "-7d" && state.from !== "") offers.push(["Last 7 days", { from: "-7d", to: "" }]);
  if (state.from !== "" || state.to !== "") offers.push(["All time", { from: "", to: "" }]);
  const engine = status?.engine;
  if (state.query !== "") {
    return {
      title: `Nothing matches ${rangeWords(state)}`,
      text: `No line matches ${state.query} – words match whole, and a star finds beginnings, as in conn*.`,
      offers: [["Clear the search", { query: "" }], ...offers],
    };
  }
  if (engine && engine.error !== null) {
    return {
      title: "No lines yet: the engine cannot be reached",
      text: `Foghorn reads containers through ${engine.host}. Mount that socket, or start the socket proxy, and lines appear here by themselves. "foghorn check" tells what is missing.`,
      offers,
    };
  }
  if (engine?.listed && status?.containers.length === 0) {
    return {
      title: "No containers yet",
      text: `${engine.version ?? "The engine"} runs no container that Foghorn reads. Start one, for example with docker compose up -d, and its lines appear here by themselves.`,
      offers,
    };
  }
  if (state.follow) return { title: `No lines ${rangeWords(state)}`, text: "New lines appear here as containers write them.", offers };
  return {
    title: `No lines ${rangeWords(state)}`,
    text: "Choose a longer time range, or follow what comes.",
    offers: [["Follow", { follow: true, to: "" }], ...offers],
  };
}
