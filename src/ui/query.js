/**
 * The text of a query, as much as the page has to understand of it: its terms, to add, replace
 * and highlight them. Foghorn parses and judges it; docs/query.md is the language. Pure.
 */

/**
 * A term and the characters of the query that it stands at.
 * @typedef {object} Term
 * @property {number} start
 * @property {number} end exclusive
 * @property {boolean} negated
 * @property {string | null} field in lower case; null for a word or phrase
 * @property {string} value without quotes, escapes and the star
 * @property {boolean} prefix
 * @property {boolean} exact case counts
 */

const KEYWORDS = ["AND", "OR", "NOT"];

/** What Foghorn knows of every record; a line's own field of such a name cannot be asked for. */
export const BUILTIN_FIELDS = ["container", "container_id", "project", "service", "stream", "level", "kind", "format", "number"];

/**
 * The terms of a query, also of one that Foghorn would refuse.
 * @param {string} query
 * @returns {Term[]}
 */
export function terms(query) {
  /** @type {Term[]} */
  const list = [];
  const spaces = /\s*/y;
  const keyword = /(AND|NOT)(?=\s|$)\s*/y;
  const name = /([A-Za-z_@][\w.@-]*):(?!\/\/)/y;
  const quoted = /"((?:\\.|[^"\\])*)"?(c?)(\*?)\S*/sy;
  const bare = /\S*/y;
  let at = 0;
  /** @param {RegExp} pattern */
  const take = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(query);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(spaces);
    if (at >= query.length) return list;
    const start = at;
    let negated = false;
    const word = take(keyword);
    if (word?.[1] === "AND") continue;
    if (word) negated = true;
    else if (query[at] === "-") {
      negated = true;
      at += 1;
    }
    const field = take(name)?.[1].toLowerCase() ?? null;
    let value, prefix;
    let exact = false;
    if (query[at] === '"') {
      const match = take(quoted);
      value = (match?.[1] ?? "").replace(/\\(["\\])/g, "$1");
      exact = match?.[2] === "c";
      prefix = match?.[3] === "*";
    } else {
      value = (take(bare)?.[0] ?? "").replace(/\\:/g, ":");
      prefix = value.endsWith("*");
      if (prefix) value = value.slice(0, -1);
    }
    list.push({ start, end: at, negated, field, value, prefix, exact });
  }
}

/**
 * A value as it is written in a query: in quotes where it needs them.
 * @param {string} value
 * @returns {string}
 */
export function quote(value) {
  const plain = /^[\p{Alphabetic}\p{N}_.\-@=/%+,;#&~?!]+$/u.test(value) && !value.startsWith("-") && !KEYWORDS.includes(value);
  const regex = value.length > 1 && value.startsWith("/") && value.endsWith("/");
  return plain && !regex ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * The term that finds records with this value; none where the field cannot be named in a query.
 * A long value, or one of several lines, is found by its beginning.
 * @param {string} name
 * @param {string | number | boolean} value
 * @returns {string | null}
 */
export function fieldTerm(name, value) {
  if (!/^[A-Za-z_@][\w.@-]*$/.test(name)) return null;
  const text = String(value);
  const head = [...text.split(/[\r\n]/, 1)[0]].slice(0, 200).join("");
  return `${name}:${quote(head)}${head === text ? "" : "*"}`;
}

/**
 * The value that the query asks this field to be equal to; null where it does not, or not alone.
 * @param {string} query
 * @param {string} field
 * @returns {string | null}
 */
export function fieldValue(query, field) {
  const asked = terms(query).filter((term) => term.field === field && !term.negated);
  return asked.length === 1 && !asked[0].prefix ? asked[0].value : null;
}

/**
 * The query without the terms that the test names.
 * @param {string} query
 * @param {(term: Term) => boolean} test
 * @returns {string}
 */
function without(query, test) {
  let text = "";
  let at = 0;
  for (const term of terms(query)) {
    if (!test(term)) continue;
    text += query.slice(at, term.start).trimEnd() + " ";
    at = term.end + (/^\s*/.exec(query.slice(term.end))?.[0].length ?? 0);
  }
  return (text + query.slice(at)).trim();
}

/**
 * The query that asks for this value of the field, in place of another; null asks for any.
 * @param {string} query
 * @param {string} field
 * @param {string | number | boolean | null} value
 * @returns {string}
 */
export function withField(query, field, value) {
  const name = field.toLowerCase();
  const rest = without(query, (term) => term.field === name && (!term.negated || term.value === String(value)));
  const term = value === null ? null : fieldTerm(field, value);
  return term === null ? rest : `${rest} ${term}`.trim();
}

/**
 * The query that leaves out this value of the field.
 * @param {string} query
 * @param {string} field
 * @param {string | number | boolean} value
 * @returns {string}
 */
export function withoutValue(query, field, value) {
  const name = field.toLowerCase();
  const rest = without(query, (term) => term.field === name && term.value === String(value));
  const term = fieldTerm(field, value);
  return term === null ? rest : `${rest} -${term}`.trim();
}

/**
 * What to highlight in a line: the words and phrases that the query looks for; null for none.
 * @param {string} query
 * @returns {RegExp | null}
 */
export function highlight(query) {
  const patterns = [];
  const asked = terms(query).filter((term) => term.field === null && !term.negated);
  // One expression has one flag for all of its parts.
  const caseCounts = asked.some((term) => term.exact);
  for (const term of asked) {
    const words = term.value.split(/[^\p{L}\p{M}\p{N}_]+/u).filter((word) => word !== "");
    if (words.length === 0) continue;
    const end = term.prefix && term.value.endsWith(words[words.length - 1]) ? "" : "(?![\\p{L}\\p{M}\\p{N}_])";
    const written = caseCounts && !term.exact ? words.map(inAnyCase) : words;
    patterns.push(`(?<![\\p{L}\\p{M}\\p{N}_])${written.join("[^\\p{L}\\p{M}\\p{N}_]+")}${end}`);
  }
  return patterns.length === 0 ? null : new RegExp(patterns.join("|"), caseCounts ? "gu" : "giu");
}

/**
 * An expression for a word of letters and digits in any case, where the flag for it is not set.
 * @param {string} word
 * @returns {string}
 */
function inAnyCase(word) {
  return [...word].map((c) => {
    const forms = [c, c.toLowerCase(), c.toUpperCase()].filter((form) => [...form].length === 1);
    return `[${forms.join("")}]`;
  }).join("");
}
