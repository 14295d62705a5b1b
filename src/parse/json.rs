//! JSON objects: from a line to flat fields with dotted names.
//!
//! The values go straight from the text to the fields, without a tree in between. Depth is bounded
//! twice: objects are flattened to [`MAX_DEPTH`] levels, and the text of deeper ones is bounded by
//! `serde_json`'s own limit of 128, past which a line has no fields.

use std::fmt::{self, Write};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::draft::Draft;
use super::keys;
use super::reason::Reason;
use super::scan::quoted;
use crate::record::{FieldValue, FieldsBuilder};

/// The depth at which an object is kept as its text.
const MAX_DEPTH: usize = 64;

/// A record that is a JSON object, or the beginning of one that was cut off.
pub(super) fn line(draft: &mut Draft<'_>) -> Option<()> {
    let text = draft.text.trim_start();
    if !text.starts_with('{') {
        return None;
    }
    draft.fields.reserve(24);
    let is_whole = match read(text, &mut draft.fields) {
        Ok(()) => true,
        // What was read before the end is worth as much as it was.
        Err(error) if error.is_eof() && text.as_bytes()[1..].trim_ascii_start().starts_with(b"\"") => false,
        Err(_) => return None,
    };
    draft.is_structured = true;
    if draft.fields.so_far().get("c").is_some() && draft.fields.so_far().get("t.$date").is_some() {
        draft.format = Some("mongodb");
    }
    keys::interpret(draft);
    if !is_whole && draft.level.is_none() {
        draft.level = cut_level(text);
        draft.reason = Some(Reason::Field);
    }
    // The lines of a pretty object are its own.
    draft.rest = "";
    draft.message = Some("");
    Some(())
}

/// Adds the fields of a text that is a JSON object: dotted names, arrays and what lies too deep as
/// compact JSON. Of two values of one name, the last one counts.
pub(super) fn flatten(text: &str, fields: &mut FieldsBuilder<'_>) -> Option<()> {
    let before = fields.mark();
    let result = read(text, fields);
    if result.is_err() {
        fields.back_to(before);
    }
    result.ok()
}

fn read(text: &str, fields: &mut FieldsBuilder<'_>) -> serde_json::Result<()> {
    let mut flat = Flat { fields, name: String::new(), top: None, depth: 0 };
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(&mut flat)?;
    json.end()
}

/// The level in an object that was cut off within it.
fn cut_level(line: &str) -> Option<crate::record::Level> {
    let mut rest = line;
    loop {
        let (name, after) = quoted(&rest[rest.find('"')? + 1..])?;
        rest = after;
        let Some(value) = after.trim_start().strip_prefix(':') else { continue };
        if keys::is_level(name) {
            let value = value.trim_start().trim_start_matches('"');
            let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
            if let Some(level) = super::level::of_value(&value[..end]) {
                return Some(level);
            }
        }
    }
}

/// Puts the value at the current name into the fields.
struct Flat<'f, 'a, 'de> {
    fields: &'f mut FieldsBuilder<'a>,
    /// The dotted name of the value that is being read; empty for the whole line.
    name: String,
    /// It instead, where it stands in the line and is not nested.
    top: Option<&'de str>,
    /// How many objects are open.
    depth: usize,
}

impl Flat<'_, '_, '_> {
    fn insert(&mut self, value: FieldValue<'_>) {
        self.fields.set(self.top.unwrap_or(&self.name), value);
    }

    /// Inserts the JSON text that `write` makes.
    fn insert_json<E>(&mut self, write: impl FnOnce(Text<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut text = String::new();
        write(Text(&mut text))?;
        self.insert(FieldValue::Text(&text));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Flat<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Flat<'_, '_, 'de> {
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
            Err(_) => self.insert(FieldValue::Text(&value.to_string())),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.insert(FieldValue::Float(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.insert(FieldValue::Text(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.insert(FieldValue::Text(value));
        Ok(())
    }

    /// What is null has no value.
    fn visit_unit<E>(self) -> Result<(), E> {
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
        if let Some(top) = self.top.take() {
            self.name.push_str(top);
        }
        let outer = self.name.len();
        while let Some(key) = entries.next_key_seed(Key { name: &mut self.name, dot: outer > 0 })? {
            self.top = key;
            entries.next_value_seed(&mut *self)?;
            self.name.truncate(outer);
        }
        self.top = None;
        self.depth -= 1;
        Ok(())
    }
}

/// Appends a key to a dotted name, or answers it where it stands in the line and is the whole name.
struct Key<'a> {
    name: &'a mut String,
    dot: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.dot {
            self.name.push('.');
        }
        self.name.push_str(key);
        Ok(None)
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        if self.dot { self.visit_str(key) } else { Ok(Some(key)) }
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
    use crate::record::{Fields, MAX_FIELDS, MAX_NAME_BYTES};

    fn fields(raw: &str) -> Option<Fields> {
        let mut builder = FieldsBuilder::new(raw);
        flatten(raw.trim(), &mut builder)?;
        Some(builder.finish())
    }

    #[track_caller]
    fn check(raw: &str, expected: &[(&str, FieldValue<'_>)]) {
        let fields = fields(raw).unwrap_or_else(|| panic!("{raw} is no object"));
        assert_eq!(fields.of(raw).iter().collect::<Vec<_>>(), expected, "{raw}");
    }

    fn text(text: &str) -> FieldValue<'_> {
        FieldValue::Text(text)
    }

    #[test]
    fn objects_become_flat_fields() {
        use FieldValue::{Bool, Float, Integer};
        check("{}", &[]);
        check(" {\"a\":{}}\r", &[]);
        check(r#"{"a":"b","c":true,"n":null}"#, &[("a", text("b")), ("c", Bool(true))]);
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
        let raw = format!("{{{},\"k7\":\"last\"}}", entries.join(","));
        let fields = fields(&raw).unwrap();
        assert_eq!((fields.len(), fields.left_out()), (MAX_FIELDS, 300 - MAX_FIELDS as u32));
        assert_eq!(fields.of(&raw).get("k7"), Some(text("last")));
        assert_eq!(fields.of(&raw).get("k255"), Some(FieldValue::Integer(255)));
        assert_eq!(fields.of(&raw).get("k256"), None);
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
    fn tree(name: &str, value: &serde_json::Value, fields: &mut FieldsBuilder<'_>) {
        let own;
        let leaf = match value {
            serde_json::Value::Object(entries) => {
                for (key, value) in entries {
                    tree(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, fields);
                }
                return;
            }
            serde_json::Value::Null => return,
            serde_json::Value::Bool(value) => FieldValue::Bool(*value),
            serde_json::Value::String(value) => text(value),
            serde_json::Value::Number(value) => match (value.as_i64(), value.as_u64(), value.as_f64()) {
                (Some(value), ..) => FieldValue::Integer(value),
                (_, Some(value), _) => {
                    own = value.to_string();
                    text(&own)
                }
                (.., value) => FieldValue::Float(value.unwrap()),
            },
            other @ serde_json::Value::Array(_) => {
                own = other.to_string();
                text(&own)
            }
        };
        fields.set(name, leaf);
    }

    proptest! {
        #[test]
        fn fields_are_those_of_the_tree(value in prop::collection::hash_map("[a-c]", value(), 0..4), pretty: bool) {
            let value = serde_json::Value::Object(value.into_iter().collect());
            let raw = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let mut expected = FieldsBuilder::new("");
            tree("", &value, &mut expected);
            let expected = expected.finish();
            let fields = fields(&raw).unwrap();
            prop_assert_eq!(fields.of(&raw).iter().collect::<Vec<_>>(), expected.of("").iter().collect::<Vec<_>>());
        }

        #[test]
        fn a_line_that_is_cut_off_has_no_fields(value in prop::collection::hash_map("[a-c]", value(), 0..4), cut in 1..40_usize) {
            let raw = serde_json::Value::Object(value.into_iter().collect()).to_string();
            let end = raw.floor_char_boundary(raw.len().saturating_sub(cut));
            prop_assert_eq!(fields(&raw[..end]), None);
        }
    }
}
