//! A record as the API, the command line and the page show it: one JSON object.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{FieldValue, FieldsOf, Kind, Record, time_text};

/// Serialises a record. Keys without a value are left out: see `docs/formats.md` for what each
/// means.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    record: &'a Record,
    detail: Detail,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Who said it, when, and what.
    Whole,
    /// What it says only, for what has no container.
    Said,
}

impl<'a> Shown<'a> {
    /// The record with its identity, its container and its time.
    pub fn whole(record: &'a Record) -> Self {
        Self { record, detail: Detail::Whole }
    }

    /// The record without them.
    pub fn said(record: &'a Record) -> Self {
        Self { record, detail: Detail::Said }
    }
}

/// Parts that are shown as an object of their own.
const OBJECTS: [&str; 3] = ["http", "operation", "error"];

/// Other fields that have a meaning in every record.
const STANDARD: [&str; 7] = ["message", "logger", "log_time", "trace_id", "span_id", "request_id", "signature"];

fn object_of(name: &str) -> Option<(&'static str, &str)> {
    OBJECTS.iter().find_map(|object| Some((*object, name.strip_prefix(object)?.strip_prefix('.')?)))
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.record;
        let fields = record.fields();
        let mut map = serializer.serialize_map(None)?;
        if self.detail == Detail::Whole {
            let container = &*record.container;
            map.serialize_entry("id", &record.id().to_string())?;
            map.serialize_entry("time", &time_text(record.time_ns()))?;
            map.serialize_entry("container", &container.name)?;
            map.serialize_entry("container_id", container.id.as_str())?;
            if !container.project.is_empty() {
                map.serialize_entry("project", &container.project)?;
            }
            map.serialize_entry("service", &container.service)?;
            if container.number != 0 {
                map.serialize_entry("number", &container.number)?;
            }
            map.serialize_entry("stream", record.stream.as_str())?;
            map.serialize_entry("kind", record.kind.as_str())?;
        }
        map.serialize_entry("level", record.level.as_str())?;
        if !record.format.is_empty() {
            map.serialize_entry("format", record.format)?;
        }
        if record.kind == Kind::Line {
            standard(&mut map, fields)?;
        }
        map.serialize_entry("line", &record.raw)?;
        let others = Others(fields);
        if others.iter().next().is_some() {
            map.serialize_entry("fields", &others)?;
        }
        if record.truncated {
            map.serialize_entry("truncated", &true)?;
        }
        map.end()
    }
}

fn known(fields: FieldsOf<'_>) -> impl Iterator<Item = (&str, FieldValue<'_>)> {
    fields.iter_origins().filter(|(.., origin)| !origin.is_own).map(|(name, value, _)| (name, value))
}

fn standard<M: SerializeMap>(map: &mut M, fields: FieldsOf<'_>) -> Result<(), M::Error> {
    for name in STANDARD {
        let Some((_, value)) = known(fields).find(|(known, _)| *known == name) else { continue };
        match value {
            FieldValue::Integer(time_ns) if name == "log_time" => map.serialize_entry(name, &time_text(time_ns))?,
            value => map.serialize_entry(name, &value)?,
        }
    }
    for object in OBJECTS {
        let part = Part { fields, object };
        if part.iter().next().is_some() {
            map.serialize_entry(object, &part)?;
        }
    }
    Ok(())
}

/// The fields of one of [`OBJECTS`].
struct Part<'a> {
    fields: FieldsOf<'a>,
    object: &'static str,
}

impl<'a> Part<'a> {
    fn iter(&self) -> impl Iterator<Item = (&'a str, FieldValue<'a>)> {
        known(self.fields).filter_map(|(name, value)| {
            let (object, name) = object_of(name)?;
            (object == self.object).then_some((name, value))
        })
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The fields that are not shown elsewhere.
struct Others<'a>(FieldsOf<'a>);

impl<'a> Others<'a> {
    fn iter(&self) -> impl Iterator<Item = (&'a str, FieldValue<'a>)> {
        let is_elsewhere = |name: &str| STANDARD.contains(&name) || object_of(name).is_some();
        self.0
            .iter_origins()
            .filter(move |(name, _, origin)| origin.is_own || !is_elsewhere(name))
            .map(|(name, value, _)| (name, value))
    }
}

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
