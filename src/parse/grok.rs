//! Grok: a regular expression with `%{NAME:field:int}` in it → a regular expression with named
//! groups, and the types of those that say one.
//!
//! The names are Logstash's. Their definitions are written for a matcher without look-around, whose
//! time is linear; those of whole lines name their groups as Foghorn names fields.

/// How deep one definition may stand in another.
const MAX_DEPTH: usize = 16;

/// How long an expanded expression may get.
const MAX_BYTES: usize = 64 * 1024;

/// What a field's text becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The number or the boolean that it is, else a text.
    Auto,
    Integer,
    Float,
    Text,
}

/// An expression without grok in it.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    pub regex: String,
    /// Fields whose type is said.
    pub kinds: Vec<(String, Kind)>,
}

/// Names with their definitions, sorted.
const PATTERNS: [(&str, &str); 72] = [
    ("BASE10NUM", r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("BASE16NUM", r"[+-]?(?:0x)?[0-9A-Fa-f]+"),
    (
        "COMBINEDAPACHELOG",
        r#"%{COMMONAPACHELOG} "(?:-|(?<referrer>(?:[^"\\]|\\.)*))" "(?:-|(?<user_agent>(?:[^"\\]|\\.)*))""#,
    ),
    (
        "COMMONAPACHELOG",
        r#"%{IPORHOST:client} (?:-|%{NOTSPACE:ident}) (?:-|%{NOTSPACE:user}) \[%{HTTPDATE:time}\] "(?<message>%{WORD:method} %{NOTSPACE:path}(?: HTTP/%{NUMBER:http_version:text})?)" %{INT:status} (?:%{INT:bytes}|-)"#,
    ),
    ("DATA", ".*?"),
    ("DATE", "%{DATE_US}|%{DATE_EU}"),
    ("DATESTAMP", "%{DATE}[- ]%{TIME}"),
    ("DATE_EU", "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("DATE_US", "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DAY", "Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"),
    ("EMAILADDRESS", "%{EMAILLOCALPART}@%{HOSTNAME}"),
    ("EMAILLOCALPART", r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+"),
    ("GREEDYDATA", ".*"),
    ("HOST", "%{HOSTNAME}"),
    ("HOSTNAME", r"[0-9A-Za-z](?:[0-9A-Za-z_-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)*\.?"),
    ("HOSTPORT", "%{IPORHOST}:%{POSINT}"),
    ("HOUR", "2[0-3]|[01]?[0-9]"),
    ("HTTPDATE", "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-][0-9]{4}"),
    ("HTTPDERROR_DATE", "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}"),
    ("HTTPDUSER", "%{EMAILADDRESS}|%{USER}"),
    ("INT", "[+-]?[0-9]+"),
    ("IP", "%{IPV6}|%{IPV4}"),
    ("IPORHOST", "%{IP}|%{HOSTNAME}"),
    ("IPV4", "%{OCTET}(?:[.]%{OCTET}){3}"),
    ("IPV6", r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:%{IPV4}|[0-9A-Fa-f]{1,4})?(?:%[0-9A-Za-z]+)?"),
    ("ISO8601_SECOND", "%{SECOND}"),
    ("ISO8601_TIMEZONE", "Z|[+-]%{HOUR}(?::?%{MINUTE})?"),
    ("JAVACLASS", r"(?:[A-Za-z$_][A-Za-z0-9$_]*\.)*[A-Za-z$_][A-Za-z0-9$_]*"),
    ("JAVAFILE", "[A-Za-z0-9_. -]+"),
    (
        "LOGLEVEL",
        "(?i:trace|debug|notice|information|info|warning|warn|error|err|critical|crit|fatal|severe|emergency|emerg|alert|panic)",
    ),
    ("MAC", "(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}[.]){2}[0-9A-Fa-f]{4}"),
    ("MINUTE", "[0-5][0-9]"),
    (
        "MONTH",
        "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)",
    ),
    ("MONTHDAY", "0[1-9]|[12][0-9]|3[01]|[1-9]"),
    ("MONTHNUM", "0[1-9]|1[0-2]|[1-9]"),
    ("MONTHNUM2", "0[1-9]|1[0-2]"),
    ("NONNEGINT", "[0-9]+"),
    ("NOTSPACE", r"\S+"),
    ("NUMBER", "%{BASE10NUM}"),
    ("OCTET", "25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2}"),
    ("PATH", "%{UNIXPATH}|%{WINPATH}"),
    ("POSINT", "[1-9][0-9]*"),
    ("PROG", "[A-Za-z0-9._/%-]+"),
    ("QS", "%{QUOTEDSTRING}"),
    ("QUOTEDSTRING", r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`"#),
    ("RFC822", "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{TZ}"),
    ("SECOND", "(?:[0-5][0-9]|60|[0-9])(?:[.,:][0-9]+)?"),
    ("SPACE", r"\s*"),
    ("SYSLOGBASE", r"%{SYSLOGTIMESTAMP:time} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:host} %{SYSLOGPROG}:"),
    ("SYSLOGFACILITY", "<%{NONNEGINT:facility}.%{NONNEGINT:priority}>"),
    ("SYSLOGHOST", "%{IPORHOST}"),
    ("SYSLOGLINE", "%{SYSLOGBASE} %{GREEDYDATA:message}"),
    ("SYSLOGPROG", r"%{PROG:logger}(?:\[%{POSINT:pid}\])?"),
    ("SYSLOGTIMESTAMP", "%{MONTH} +%{MONTHDAY} %{TIME}"),
    ("TIME", "%{HOUR}:%{MINUTE}(?::%{SECOND})?"),
    (
        "TIMESTAMP_ISO8601",
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?: ?%{ISO8601_TIMEZONE})?",
    ),
    ("TTY", "/dev/(?:pts/|tty)[A-Za-z0-9]+"),
    ("TZ", "[A-Z]{3,4}|[+-][0-9]{4}"),
    ("UNIXPATH", r"(?:/[\w_%!$@:.,+~-]*)+"),
    ("URI", r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?%{URIHOST}?%{URIPATHPARAM}?"),
    ("URIHOST", "%{IPORHOST}(?::%{POSINT})?"),
    ("URIPARAM", r"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\-\[\]<>]*"),
    ("URIPATH", r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_\-]*)+"),
    ("URIPATHPARAM", "%{URIPATH}%{URIPARAM}?"),
    ("URIPROTO", r"[A-Za-z][A-Za-z0-9+\-.]*"),
    ("USER", "%{USERNAME}"),
    ("USERNAME", "[a-zA-Z0-9._-]+"),
    ("UUID", "[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"),
    ("WINDOWSMAC", "(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}"),
    ("WINPATH", r#"(?:[A-Za-z]+:|\\)(?:\\[^\\?*"\s]*)+"#),
    ("WORD", r"\b\w+\b"),
    ("YEAR", "[0-9]{4}|[0-9]{2}"),
];

/// The expression with every `%{…}` in it replaced.
///
/// # Errors
/// What is wrong, with the name and the nearest one that is known.
pub(super) fn expand(text: &str) -> Result<Expanded, String> {
    let mut expanded = Expanded::default();
    into(text, 0, &find, &mut expanded)?;
    Ok(expanded)
}

fn find(name: &str) -> Option<&'static str> {
    let at = PATTERNS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(PATTERNS[at].1)
}

fn into(
    text: &str,
    depth: usize,
    find: &dyn Fn(&str) -> Option<&'static str>,
    out: &mut Expanded,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("its names stand in each other more than {MAX_DEPTH} deep"));
    }
    let mut rest = text;
    while let Some(at) = rest.find("%{") {
        let (before, inner) = rest.split_at(at);
        out.regex.push_str(before);
        let Some(end) = inner.find('}') else {
            let shown: String = inner.chars().take(40).collect();
            return Err(format!("{shown:?} is not closed, expected %{{NAME}}, %{{NAME:field}} or %{{NAME:field:int}}"));
        };
        let mut parts = inner[2..end].splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let pattern = find(name).ok_or_else(|| {
            let nearest = nearest(name);
            format!("{name:?} is no name of grok's, the nearest is {nearest}")
        })?;
        match parts.next() {
            Some(field) => {
                let field = field_name(field)?;
                if let Some(kind) = parts.next() {
                    out.kinds.push((field.clone(), kind_of(kind)?));
                }
                out.regex.extend(["(?<", &field, ">"]);
            }
            None => out.regex.push_str("(?:"),
        }
        into(pattern, depth + 1, find, out)?;
        out.regex.push(')');
        if out.regex.len() > MAX_BYTES {
            return Err(format!("it is longer than {} KiB, expanded", MAX_BYTES / 1024));
        }
        rest = &inner[end + 1..];
    }
    out.regex.push_str(rest);
    Ok(())
}

/// `[source][address]`, as Logstash writes it, is `source.address`.
fn field_name(written: &str) -> Result<String, String> {
    let name = written.trim_start_matches('[').trim_end_matches(']').replace("][", ".");
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(fits) {
        Ok(name)
    } else {
        Err(format!("{written:?} is no name of a field, expected letters, digits, _ and ., a letter or _ first"))
    }
}

fn kind_of(name: &str) -> Result<Kind, String> {
    match name {
        "int" | "integer" | "long" => Ok(Kind::Integer),
        "float" | "double" | "number" => Ok(Kind::Float),
        "text" | "string" | "keyword" => Ok(Kind::Text),
        _ => Err(format!("{name:?} is no type, expected int, float or text")),
    }
}

/// The name that the fewest changes of a character make of it.
fn nearest(name: &str) -> &'static str {
    // None is longer than this.
    let name: String = name.to_uppercase().chars().take(64).collect();
    PATTERNS.iter().map(|(known, _)| *known).min_by_key(|known| strsim::levenshtein(known, &name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression;

    #[test]
    fn every_name_is_an_expression() {
        assert!(PATTERNS.is_sorted_by(|a, b| a.0 < b.0));
        for (name, _) in PATTERNS {
            let expanded = expand(&format!("^%{{{name}}}$")).unwrap();
            if let Err(error) = expression::compile(&expanded.regex) {
                panic!("{name}: {error}: {}", expanded.regex);
            }
        }
    }

    #[test]
    fn names_mean_what_logstash_means() {
        for (name, text, expected) in [
            ("TIMESTAMP_ISO8601", "2026-11-21T01:30:04,592Z", true),
            ("TIMESTAMP_ISO8601", "2026-11-21 01:30:04.592 +0100", true),
            ("TIMESTAMP_ISO8601", "2026-13-21 01:30:04", false),
            ("HTTPDATE", "21/Nov/2026:01:30:08 +0000", true),
            ("SYSLOGTIMESTAMP", "Nov  1 00:00:00", true),
            ("LOGLEVEL", "Warning", true),
            ("LOGLEVEL", "word", false),
            ("IP", "10.0.0.255", true),
            ("IP", "10.0.0.256", false),
            ("IP", "2001:db8::7", true),
            ("IP", "::1", true),
            ("HOSTNAME", "db-1.example.com", true),
            ("HOSTNAME", "-x", false),
            ("NUMBER", "-1.5", true),
            ("NUMBER", "1.5.2", false),
            ("INT", "+7", true),
            ("QUOTEDSTRING", r#""say \"hi\"""#, true),
            ("QUOTEDSTRING", r#""say "hi"""#, false),
            ("UUID", "7f3a91c4-0000-4000-8000-0123456789ab", true),
            ("URIPATHPARAM", "/a/b?c=d&e=%20", true),
            ("URI", "https://user@example.com:8443/a?b=c", true),
            ("PATH", "/var/log/app.log", true),
            ("PATH", r"C:\logs\app.log", true),
            ("MAC", "00:1A:2b:3c:4d:5e", true),
            ("EMAILADDRESS", "a.b@example.com", true),
            ("JAVACLASS", "com.example.Billing$Inner", true),
            ("MONTH", "October", true),
            ("DAY", "Thu", true),
        ] {
            let expanded = expand(&format!("^%{{{name}}}$")).unwrap();
            let regex = expression::compile(&expanded.regex).unwrap();
            assert_eq!(regex.is_match(text), expected, "{name} over {text}");
        }
    }

    #[test]
    fn names_give_groups_and_types() {
        let expanded = expand(r"%{INT:a.b:int} \[%{WORD:[c][d]:text}\] %{DATA}$").unwrap();
        assert_eq!(expanded.regex, r"(?<a.b>[+-]?[0-9]+) \[(?<c.d>\b\w+\b)\] (?:.*?)$");
        assert_eq!(expanded.kinds, [("a.b".to_owned(), Kind::Integer), ("c.d".to_owned(), Kind::Text)]);
        assert_eq!(expand("50% {x} %x").unwrap().regex, "50% {x} %x");
    }

    #[test]
    fn a_mistake_is_told() {
        for (text, expected) in [
            ("%{GREEDYDTA:x}", "\"GREEDYDTA\" is no name of grok's, the nearest is GREEDYDATA"),
            ("%{timestamp_iso8601}", "\"timestamp_iso8601\" is no name of grok's, the nearest is TIMESTAMP_ISO8601"),
            ("%{}", "\"\" is no name of grok's"),
            ("a %{WORD", "\"%{WORD\" is not closed, expected %{NAME}, %{NAME:field} or %{NAME:field:int}"),
            ("%{INT:a-b}", "\"a-b\" is no name of a field, expected letters, digits, _ and ., a letter or _ first"),
            ("%{INT:}", "\"\" is no name of a field"),
            ("%{INT:a:bool}", "\"bool\" is no type, expected int, float or text"),
        ] {
            let found = expand(text).unwrap_err();
            assert!(found.starts_with(expected), "{text}: {found}");
        }
        let long = "%{COMBINEDAPACHELOG}".repeat(100);
        assert_eq!(expand(&long).unwrap_err(), "it is longer than 64 KiB, expanded");
    }

    #[test]
    fn names_that_stand_in_themselves_end() {
        let found = into("%{A}", 0, &|_| Some("%{A}"), &mut Expanded::default()).unwrap_err();
        assert_eq!(found, "its names stand in each other more than 16 deep");
    }
}
