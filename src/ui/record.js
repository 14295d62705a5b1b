/**
 * Records as the API gives them, and their order: time, then container, stream and ordinal.
 * Pure.
 */

/**
 * @typedef {string | number | boolean} FieldValue
 *
 * @typedef {object} LogRecord
 * @property {string} id TIME-STREAM-ORDINAL-CONTAINER; also the cursor of the page behind it
 * @property {string} time RFC 3339, in UTC, to the nanosecond
 * @property {string} container
 * @property {string} container_id
 * @property {string} [project]
 * @property {string} service
 * @property {number} [number]
 * @property {"stdout" | "stderr" | "foghorn"} stream
 * @property {"line" | "gap"} kind
 * @property {string} level
 * @property {string} line
 * @property {string} [format] what the line was read as
 * @property {string} [message] what it says, without its header
 * @property {string} [logger]
 * @property {string} [log_time] the line's own time
 * @property {string} [trace_id]
 * @property {string} [span_id]
 * @property {string} [request_id]
 * @property {string} [signature] the kind of error
 * @property {Record<string, FieldValue>} [http]
 * @property {Record<string, FieldValue>} [operation]
 * @property {Record<string, FieldValue>} [error]
 * @property {Record<string, FieldValue>} [fields]
 * @property {boolean} [truncated]
 *
 * @typedef {{time: bigint, container: string, stream: number, ordinal: number}} Place
 */

const STREAMS = ["foghorn", "stdout", "stderr"];

/**
 * Where a record with this id stands in the order of all records. An id of another form stands
 * at the beginning, so that a newer Foghorn's page still lists.
 * @param {string} id
 * @returns {Place}
 */
export function placeOf(id) {
  const [, time, stream, ordinal, container] = /^(-?\d+)-(\w+)-(\d+)-(.+)$/.exec(id) ?? [];
  if (container === undefined) return { time: 0n, container: id, stream: 0, ordinal: 0 };
  return { time: BigInt(time), container, stream: STREAMS.indexOf(stream), ordinal: Number(ordinal) };
}

/**
 * Negative where a comes first, zero for the same record.
 * @param {Place} a
 * @param {Place} b
 * @returns {number}
 */
export function comparePlaces(a, b) {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  if (a.container !== b.container) return a.container < b.container ? -1 : 1;
  return a.stream - b.stream || a.ordinal - b.ordinal;
}

/**
 * Reads an answer. A whole number that a JavaScript number cannot hold becomes its text: a wrong
 * order number at three in the morning is worse than one in quotes.
 * @param {string} text
 * @returns {any}
 */
export function parseJson(text) {
  /** @type {(this: any, key: string, value: any, context?: {source?: string}) => any} */
  const exact = (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "") ? context?.source : value;
  return JSON.parse(text, exact);
}
