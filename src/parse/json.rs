//! JSON objects: from a line to flat fields with dotted names.
//!
//! The values go straight from the text to the fields, without a tree in between. Depth is bounded
//! twice: objects are flattened to [`MAX_DEPTH`] levels, and the text of deeper ones is bounded by
//! `serde_json`'s own limit of 128, past which a line has no fields.

use std::fmt::{self, Write};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::record::{FieldValue, Fields};

/// The most fields of a line; what comes after them is left out.
const MAX_FIELDS: usize = 256;

/// The longest dotted name, in bytes. A field with a longer one is left out, else a line with one
/// huge key over many small ones would grow by the number of its fields.
const MAX_NAME_BYTES: usize = 512;

/// The depth at which an object is kept as its text.
const MAX_DEPTH: usize = 64;

/// The fields of a line that is a JSON object: dotted names, arrays and what lies too deep as
/// compact JSON. Of two values of one name, the last one counts.
pub(super) fn fields(raw: &str) -> Option<Fields> {
    let text = raw.trim();
    if !(text.starts_with('{') && text.ends_with('}')) {
        return None;
    }
    let mut flat = Flat { fields: Fields::new(), name: String::new(), depth: 0 };
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(&mut flat).and_then(|()| json.end()).ok()?;
    Some(flat.fields)
}

/// Puts the value at the current name into the fields.
struct Flat {
    fields: Fields,
    /// The dotted name of the value that is being read; empty for the whole line.
    name: String,
    /// How many objects are open.
    depth: usize,
}

impl Flat {
    fn insert(&mut self, value: FieldValue) {
        if let Some(known) = self.fields.get_mut(&self.name) {
            *known = value;
        } else if self.fields.len() < MAX_FIELDS && self.name.len() <= MAX_NAME_BYTES {
            self.fields.insert(self.name.clone(), value);
        }
    }

    fn insert_text(&mut self, text: impl Into<String>) {
        self.insert(FieldValue::Text(text.into()));
    }

    /// Inserts the JSON text that `write` makes.
    fn insert_json<E>(&mut self, write: impl FnOnce(Text<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut text = String::new();
        write(Text(&mut text))?;
        self.insert_text(text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Flat {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Flat {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.insert(FieldValue::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.insert(FieldValue::Integer(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.insert(FieldValue::Integer(value)),
            Err(_) => self.insert_text(value.to_string()),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.insert(FieldValue::Float(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.insert_text(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.insert_text("null");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.insert_json(|text| text.visit_seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if self.depth == MAX_DEPTH {
            return self.insert_json(|text| text.visit_map(entries));
        }
        self.depth += 1;
        let outer = self.name.len();
        while entries.next_key_seed(Key { name: &mut self.name, dot: outer > 0 })?.is_some() {
            entries.next_value_seed(&mut *self)?;
            self.name.truncate(outer);
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Appends a key to a dotted name.
struct Key<'a> {
    name: &'a mut String,
    dot: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if self.dot {
            self.name.push('.');
        }
        self.name.push_str(key);
        Ok(())
    }
}

/// Appends a value as compact JSON, in the order of the line.
struct Text<'a>(&'a mut String);

impl Text<'_> {
    fn push<E: Error>(self, value: impl fmt::Display) -> Result<(), E> {
        write!(self.0, "{value}").map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(serde_json::Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push(serde_json::to_string(value).map_err(E::custom)?)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push("null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let end = self.0.len();
            if end > start {
                self.0.push(',');
            }
            if items.next_element_seed(Text(self.0))?.is_none() {
                self.0.truncate(end);
                self.0.push(']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.push('{');
        let start = self.0.len();
        loop {
            let end = self.0.len();
            if end > start {
                self.0.push(',');
            }
            if entries.next_key_seed(Text(self.0))?.is_none() {
                self.0.truncate(end);
                self.0.push('}');
                return Ok(());
            }
            self.0.push(':');
            entries.next_value_seed(Text(self.0))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &[(&str, FieldValue)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        assert_eq!(fields(raw), Some(expected.collect()), "{raw}");
    }

    fn text(text: &str) -> FieldValue {
        FieldValue::Text(text.into())
    }

    #[test]
    fn objects_become_flat_fields() {
        use FieldValue::{Bool, Float, Integer};
        check("{}", &[]);
        check(" {\"a\":{}}\r", &[]);
        check(r#"{"a":"b","c":true,"n":null}"#, &[("a", text("b")), ("c", Bool(true)), ("n", text("null"))]);
        check(r#"{"a":{"b":{"c":1},"d":2}}"#, &[("a.b.c", Integer(1)), ("a.d", Integer(2))]);
        check(r#"{"a":[1, {"b" : "\n"}, [], {}]}"#, &[("a", text(r#"[1,{"b":"\n"},[],{}]"#))]);
        check(r#"{"z":[{"b":1,"a":null}]}"#, &[("z", text(r#"[{"b":1,"a":null}]"#))]);
        check(r#"{"a":-5,"b":1.50,"c":1e3}"#, &[("a", Integer(-5)), ("b", Float(1.5)), ("c", Float(1000.0))]);
        check(
            r#"{"a":9223372036854775807,"b":9223372036854775808}"#,
            &[("a", Integer(i64::MAX)), ("b", text("9223372036854775808"))],
        );
        check(r#"{"a":1,"a":2}"#, &[("a", Integer(2))]);
        check(r#"{"a.b":1,"a":{"b":2}}"#, &[("a.b", Integer(2))]);
        check(r#"{"\u0061":"\u00e9\ud83d\ude00"}"#, &[("a", text("é😀"))]);
    }

    /// Else a value that is copied from a line would not find it. This is `serde_json`'s feature
    /// `float_roundtrip`.
    #[test]
    fn floats_are_read_to_the_last_digit() {
        check(r#"{"a":-392351.22203848837}"#, &[("a", FieldValue::Float(-392_351.222_038_488_37))]);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for raw in [
            "",
            "plain",
            "[1]",
            "\"a\"",
            "{",
            "{}x",
            "{a:1}",
            r#"{"a":1"#,
            r#"{"a":1}}"#,
            r#"{"a":1} {"b":2}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":01}"#,
        ] {
            assert_eq!(fields(raw), None, "{raw}");
        }
    }

    #[test]
    fn fields_have_a_limit_and_known_ones_still_change() {
        let entries: Vec<String> = (0..300).map(|n| format!("\"k{n}\":{n}")).collect();
        let fields = fields(&format!("{{{},\"k7\":\"last\"}}", entries.join(","))).unwrap();
        assert_eq!(fields.len(), MAX_FIELDS);
        assert_eq!(fields["k7"], text("last"));
        assert_eq!(fields["k255"], FieldValue::Integer(255));
        assert!(!fields.contains_key("k256"));
    }

    #[test]
    fn a_name_has_a_limit() {
        let long = "k".repeat(MAX_NAME_BYTES - 2);
        check(&format!(r#"{{"{long}":{{"a":1,"ab":2}}}}"#), &[(&format!("{long}.a"), FieldValue::Integer(1))]);
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let name = |depth: usize| vec!["a"; depth].join(".");
        check(&nested(64), &[(&name(64), FieldValue::Integer(1))]);
        check(&nested(65), &[(&name(64), text(r#"{"a":1}"#))]);
        check(&nested(100), &[(&name(64), text(&nested(36)))]);
        assert_eq!(fields(&nested(100_000)), None);
        assert_eq!(fields(&format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))), None);
    }

    #[test]
    fn a_large_line_is_read_whole() {
        let long = "x".repeat(1 << 20);
        check(&format!(r#"{{"a":"{long}"}}"#), &[("a", text(&long))]);
        let list = format!("[{}0]", "0,".repeat(1 << 19));
        check(&format!(r#"{{"a":{list}}}"#), &[("a", text(&list))]);
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            (-1e6..1e6).prop_map(|float: f64| float.into()),
            "\\PC{0,6}|[\"\\\\\n]".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-c]", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The fields by way of a tree.
    fn flatten(name: &str, value: &serde_json::Value, fields: &mut Fields) {
        let leaf = match value {
            serde_json::Value::Object(entries) => {
                for (key, value) in entries {
                    flatten(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, fields);
                }
                return;
            }
            serde_json::Value::Bool(value) => FieldValue::Bool(*value),
            serde_json::Value::String(value) => text(value),
            serde_json::Value::Number(value) => match (value.as_i64(), value.as_u64(), value.as_f64()) {
                (Some(value), ..) => FieldValue::Integer(value),
                (_, Some(value), _) => text(&value.to_string()),
                (.., value) => FieldValue::Float(value.unwrap()),
            },
            other => text(&other.to_string()),
        };
        fields.insert(name.to_owned(), leaf);
    }

    proptest! {
        #[test]
        fn fields_are_those_of_the_tree(value in prop::collection::hash_map("[a-c]", value(), 0..4), pretty: bool) {
            let value = serde_json::Value::Object(value.into_iter().collect());
            let raw = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let mut expected = Fields::new();
            flatten("", &value, &mut expected);
            prop_assert_eq!(fields(&raw), Some(expected));
        }

        #[test]
        fn a_line_that_is_cut_off_has_no_fields(value in prop::collection::hash_map("[a-c]", value(), 0..4), cut in 1..40_usize) {
            let raw = serde_json::Value::Object(value.into_iter().collect()).to_string();
            let end = raw.floor_char_boundary(raw.len().saturating_sub(cut));
            prop_assert_eq!(fields(&raw[..end]), None);
        }
    }
}
