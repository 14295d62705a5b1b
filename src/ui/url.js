/**
 * What is shown ↔ the page's query string, so that a link shows the same. Pure.
 *
 * The names and values are the API's own where it has them: `query`, `from` and `to`.
 */

/**
 * @typedef {object} State
 * @property {string} query
 * @property {string} from RFC 3339 or a time ago such as `-1h`; empty for the beginning
 * @property {string} to RFC 3339; empty for now and later
 * @property {boolean} follow
 * @property {"local" | "utc"} zone
 * @property {boolean} wrap
 */

/** Where a first visit begins. @type {Readonly<State>} */
export const DEFAULT = Object.freeze({ query: "", from: "-1h", to: "", follow: true, zone: "local", wrap: true });

/** The ranges on offer: what the API calls them, and their names. */
export const RANGES = /** @type {const} */ ([
  ["-15m", "last 15 minutes"],
  ["-1h", "last hour"],
  ["-6h", "last 6 hours"],
  ["-24h", "last 24 hours"],
  ["-7d", "last 7 days"],
  ["", "all time"],
]);

const AGO = /^-\d+(ms|s|m|h|d|w)$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a query string; what it does not know, or cannot be right, is the default.
 * @param {string} search with or without its question mark
 * @returns {State}
 */
export function parse(search) {
  const given = new URLSearchParams(search);
  const from = given.get("from");
  const to = given.get("to") ?? "";
  const known = from === "all" || (from !== null && (AGO.test(from) || MOMENT.test(from)));
  const state = {
    ...DEFAULT,
    query: given.get("query") ?? "",
    from: from === "all" ? "" : known ? from : DEFAULT.from,
    to: MOMENT.test(to) ? to : "",
    follow: given.get("follow") !== "off",
    wrap: given.get("wrap") !== "off",
  };
  if (given.get("zone") === "utc") state.zone = "utc";
  // An end in the past leaves nothing to follow.
  if (state.to !== "") state.follow = false;
  return state;
}

/**
 * Writes it: without what is the default, and empty where all is.
 * @param {State} state
 * @returns {string} with its question mark, unless it is empty
 */
export function format(state) {
  const given = new URLSearchParams();
  if (state.query !== "") given.set("query", state.query);
  if (state.from !== DEFAULT.from) given.set("from", state.from === "" ? "all" : state.from);
  if (state.to !== "") given.set("to", state.to);
  else if (!state.follow) given.set("follow", "off");
  if (state.zone !== DEFAULT.zone) given.set("zone", state.zone);
  if (!state.wrap) given.set("wrap", "off");
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

/**
 * The range's name, to be read after "No lines": `in the last hour`.
 * @param {State} state
 * @returns {string}
 */
export function rangeWords(state) {
  if (state.to !== "") return "in this time range";
  const name = RANGES.find(([from]) => from === state.from)?.[1];
  if (state.from === "") return "at all";
  return name === undefined ? "in this time range" : `in the ${name}`;
}

/**
 * The address of an API call. It has no leading slash, so that the page also works under a path.
 * @param {string} path
 * @param {Record<string, string | number>} parameters empty ones are left out
 * @returns {string}
 */
export function apiUrl(path, parameters = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "") given.set(name, String(value));
  }
  const text = given.toString();
  return `api/v1/${path}${text === "" ? "" : `?${text}`}`;
}
