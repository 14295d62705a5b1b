//! A request's query: from the text after `?` to values, flags, times and filters, read as the
//! engine reads them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::clock;
use super::error::ApiError;

/// The decoded pairs of a query.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

/// Filter names, each with the values of which one must fit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Query {
    pub(super) fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, Plus::IsSpace), decode(value, Plus::IsSpace))
        });
        Query(decoded.collect())
    }

    /// The first value of that name; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// `BoolValue` of the engine: everything is true but a few words.
    pub(super) fn flag(&self, name: &str) -> bool {
        let word = self.get(name).trim().to_lowercase();
        !matches!(word.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A time in nanoseconds; `None` when it is not given.
    pub(super) fn time_ns(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            value => clock::parse_ns(value).map(Some).map_err(ApiError::Internal),
        }
    }

    /// The filters, in both of the engine's forms: `{"type":["container"]}` and
    /// `{"type":{"container":true}}`.
    pub(super) fn filters(&self) -> Result<Filters, ApiError> {
        let text = self.get("filters");
        if text.is_empty() {
            return Ok(Filters::default());
        }
        let invalid = || ApiError::BadRequest("invalid filter".to_owned());
        let value: Value = serde_json::from_str(text).map_err(|_| invalid())?;
        let mut filters = BTreeMap::new();
        for (name, values) in value.as_object().ok_or_else(invalid)? {
            let values: Option<Vec<String>> = match values {
                Value::Array(list) => list.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
                Value::Object(set) => Some(set.keys().cloned().collect()),
                _ => None,
            };
            filters.insert(name.clone(), values.ok_or_else(invalid)?);
        }
        Ok(Filters(filters))
    }
}

impl Filters {
    /// The values of a filter; empty when it is not set.
    pub(super) fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first filter that is not among the known ones.
    pub(super) fn unknown<'a>(&'a self, known: &[&str]) -> Option<&'a str> {
        let mut names = self.0.keys().map(String::as_str);
        names.find(|name| !known.contains(name))
    }

    /// Whether the filter is not set, or one of its values fits.
    pub(super) fn fits(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.values(name);
        values.is_empty() || values.iter().any(|value| fits(value))
    }

    /// `label` filters must all fit: `key`, or `key=value`.
    pub(super) fn fits_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.values("label").iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        })
    }
}

/// What a `+` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    IsSpace,
    IsPlus,
}

/// Undoes percent encoding; what is no encoding stays as it is.
pub(super) fn decode(text: &str, plus: Plus) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, beyond @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push((high << 4) | low);
                    rest = beyond;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) if plus == Plus::IsSpace => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_is_encoded() {
        for (text, expected) in
            [("a%20b+c", "a b c"), ("%7B%22x%22%7d", "{\"x\"}"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%C3%A4", "ä")]
        {
            assert_eq!(expected, decode(text, Plus::IsSpace), "{text}");
        }
        assert_eq!("a+b", decode("a+b", Plus::IsPlus));
    }

    #[test]
    fn flags_are_the_engines() {
        let query = Query::parse("a=1&b=true&c=0&d=False&e=&f=none&g=yes");
        let flags = ["a", "b", "c", "d", "e", "f", "g", "missing"].map(|name| query.flag(name));
        assert_eq!([true, true, false, false, false, false, true, false], flags);
    }

    #[test]
    fn filters_come_in_two_forms() {
        let list = Query::parse(r#"filters={"type":["container"],"event":["die","oom"]}"#);
        let set = Query::parse(r#"filters={"type":{"container":true},"event":{"die":true,"oom":true}}"#);
        assert_eq!(list.filters().unwrap(), set.filters().unwrap());
        assert!(list.filters().unwrap().fits("event", |value| value == "oom"));
        assert!(list.filters().unwrap().fits("image", |_| false));
        for broken in ["filters=[]", "filters={", "filters={\"a\":1}"] {
            assert!(Query::parse(broken).filters().is_err(), "{broken}");
        }
    }

    #[test]
    fn labels_must_all_fit() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        for (filter, expected) in [
            (r#"{"label":["a"]}"#, true),
            (r#"{"label":["a=1"]}"#, true),
            (r#"{"label":["a=2"]}"#, false),
            (r#"{"label":["a","b"]}"#, false),
        ] {
            let query = Query::parse(&format!("filters={filter}"));
            assert_eq!(expected, query.filters().unwrap().fits_labels(&labels));
        }
    }
}
