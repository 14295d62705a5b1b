/**
 * Foghorn's HTTP API → answers, errors with the server's words, and the live stream.
 */

import { parseJson } from "./record.js";
import { apiUrl } from "./url.js";

/** @import {Counts} from "./histogram.js" */
/** @import {LogRecord} from "./record.js" */

/**
 * @typedef {{records: LogRecord[], next_cursor: string | null, partial: boolean}} Page
 *
 * @typedef {object} Status
 * @property {string} version
 * @property {{host: string, version: string | null, mode: string | null, error: string | null, listed: boolean}} engine
 * @property {{container: {name: string, project?: string, service: string}, reading: string, note?: string, warnings?: string[]}[]} containers
 * @property {{paused: string | null, damaged: string[], records: number}} store
 */

/** What went wrong, in words that can be shown. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string, parameter?: string, column?: number}} [about] status 0 where no answer came
   */
  constructor(message, about = {}) {
    super(message);
    this.status = about.status ?? 0;
    this.code = about.code ?? "";
    this.parameter = about.parameter ?? "";
    this.column = about.column ?? 0;
  }
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<Response>} one that succeeded
 */
async function request(url, init) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...init });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("Foghorn does not answer");
  }
  if (response.ok) return response;
  const { status } = response;
  let about;
  try {
    about = parseJson(await response.text()).error;
  } catch {
    // A proxy's own page, not Foghorn's answer.
  }
  if (typeof about?.message !== "string") throw new ApiError(`the answer was status ${status}`, { status });
  throw new ApiError(about.message, { ...about, status });
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function getJson(url, signal) {
  const response = await request(url, { signal });
  try {
    return parseJson(await response.text());
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("the answer broke off or is not Foghorn's", { status: response.status });
  }
}

/**
 * A page of records.
 * @param {Record<string, string | number>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Page>}
 */
export async function logs(parameters, signal) {
  try {
    return await getJson(apiUrl("logs", parameters), signal);
  } catch (error) {
    // The configuration may allow fewer than the page asks for.
    if (!(error instanceof ApiError) || error.parameter !== "limit") throw error;
    return getJson(apiUrl("logs", { ...parameters, limit: "" }), signal);
  }
}

/**
 * How many records there are in steps of time.
 * @param {Record<string, string | number>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Counts>}
 */
export function histogram(parameters, signal) {
  return getJson(apiUrl("histogram", parameters), signal);
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Status>}
 */
export function status(signal) {
  return getJson(apiUrl("status"), signal);
}

/**
 * Server-sent events, piece by piece: https://html.spec.whatwg.org/#event-stream-interpretation
 * @returns {(piece: string) => {event: string, data: string}[]} the events that the piece ends
 */
export function eventParser() {
  let rest = "";
  let event = "";
  /** @type {string[]} */
  let data = [];
  return (piece) => {
    const done = [];
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) done.push({ event: event || "message", data: data.join("\n") });
        event = "";
        data = [];
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "event") event = value;
      if (name === "data") data.push(value);
    }
    return done;
  };
}

/** Foghorn says something every 15 s; silence for this long is a dead connection. */
const SILENCE_MS = 50_000;

/**
 * Reads along until the stream ends or fails. Not an EventSource: that hides why it was refused
 * and does not notice a connection that has gone silent.
 * @param {string} query
 * @param {{open: () => void, record: (record: LogRecord) => void, lagged: (batches: number) => void}} to
 * @param {AbortSignal} signal
 * @returns {Promise<void>} after the last event
 */
export async function live(query, to, signal) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const stop = () => silence.abort();
  signal.addEventListener("abort", stop);
  try {
    const response = await request(apiUrl("live", { query }), { signal: silence.signal, headers: { accept: "text/event-stream" } });
    const reader = response.body?.getReader();
    if (!reader) return;
    to.open();
    const decoder = new TextDecoder();
    const parse = eventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      for (const { event, data } of parse(decoder.decode(value, { stream: true }))) {
        // An open one comes again when it is finished, with what joined it.
        if (event === "record" || event === "open") to.record(parseJson(data));
        else if (event === "lagged") to.lagged(Number(parseJson(data).batches) || 0);
        else if (event === "bye") throw new ApiError("Foghorn stopped");
      }
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    throw new ApiError("the connection to Foghorn broke off");
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    silence.abort();
  }
}
