//! Structured fields of a record: names and values that mostly stand in the line itself, kept as
//! places in it.
//!
//! A line of ten fields costs one allocation. A name or value that does not stand in the line as
//! it is, because it was escaped, computed or nested, is kept beside the places.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::names::KNOWN_NAMES;

/// The value of a structured field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text, and whatever else is shown as text.
    Text(&'a str),
}

impl<'a> FieldValue<'a> {
    /// The canonical text: what a query's value is compared with.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Bool(value) => if value { "true" } else { "false" }.into(),
            Self::Integer(value) => itoa::Buffer::new().format(value).to_owned().into(),
            Self::Float(value) => value.to_string().into(),
            Self::Text(value) => value.into(),
        }
    }

    /// The text, where it is one.
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, where it is one or a text of one.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
            Self::Bool(_) => None,
        }
    }

    /// The whole number, where it is one or a text of one.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Text(text) => text.parse().ok(),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bool(value) => serializer.serialize_bool(value),
            Self::Integer(value) => serializer.serialize_i64(value),
            Self::Float(value) => serializer.serialize_f64(value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

/// A piece of the line, or of what is kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// The highest bit tells which of the two.
    start: u32,
    len: u32,
}

const BESIDE: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Known(&'static str),
    Own(Span),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Span),
}

/// The fields of one line, in the order in which they were found. Without the line they cannot be
/// read: see [`FieldsOf`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    entries: Vec<(Name, Kept)>,
    beside: String,
    /// Fields left out because the line has more than are kept.
    left_out: u32,
}

impl Fields {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many were left out because of [`MAX_FIELDS`] and [`MAX_NAME_BYTES`].
    pub fn left_out(&self) -> u32 {
        self.left_out
    }

    /// Bytes of memory beyond the value itself.
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(Name, Kept)>() + self.beside.capacity()
    }

    /// Adds the fields of another collection over the same line, behind these.
    pub fn append(&mut self, other: Self) {
        let shift = self.beside.len() as u32;
        let moved =
            |span: Span| if span.start & BESIDE == 0 { span } else { Span { start: span.start + shift, ..span } };
        self.entries.extend(other.entries.into_iter().map(|(name, kept)| {
            let name = if let Name::Own(span) = name { Name::Own(moved(span)) } else { name };
            (name, if let Kept::Text(span) = kept { Kept::Text(moved(span)) } else { kept })
        }));
        self.beside.push_str(&other.beside);
        self.left_out += other.left_out;
    }

    /// Adds a field that a stage after the parser found; its name is one of [`KNOWN_NAMES`].
    pub fn add(&mut self, name: &'static str, text: &str) {
        let mut builder = FieldsBuilder { raw: "", fields: std::mem::take(self), shapes: u64::MAX };
        builder.push(name, FieldValue::Text(text));
        *self = builder.finish();
    }

    /// The fields with the line that they were made from.
    pub fn of<'a>(&'a self, raw: &'a str) -> FieldsOf<'a> {
        FieldsOf { raw, fields: self }
    }
}

/// The fields of a line, with the line.
#[derive(Clone, Copy, Debug)]
pub struct FieldsOf<'a> {
    raw: &'a str,
    fields: &'a Fields,
}

impl<'a> FieldsOf<'a> {
    /// The value of the field of exactly that name.
    pub fn get(self, name: &str) -> Option<FieldValue<'a>> {
        let (_, kept) = self.fields.entries.iter().find(|(own, _)| self.is_named(*own, name))?;
        Some(self.value(*kept))
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.fields.is_empty()
    }

    /// Names and values, in the order in which they were found.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, FieldValue<'a>)> {
        self.fields.entries.iter().map(move |(name, kept)| (self.name(*name), self.value(*kept)))
    }

    /// Calls `f` with each name and value, and whether the name is the line's own: the same as
    /// [`FieldsOf::iter_origins`] where every line goes through it.
    pub fn for_each(self, mut f: impl FnMut(&'a str, FieldValue<'a>, bool)) {
        for (name, kept) in &self.fields.entries {
            f(self.name(*name), self.value(*kept), matches!(name, Name::Own(_)));
        }
    }

    /// The same with how each came to be.
    pub fn iter_origins(self) -> impl Iterator<Item = (&'a str, FieldValue<'a>, Origin)> {
        self.fields.entries.iter().map(move |(name, kept)| {
            let place = |span: &Span| (span.start & BESIDE == 0).then_some(span.start as usize);
            let (is_own, name_place) = if let Name::Own(span) = name { (true, place(span)) } else { (false, None) };
            let place = if let Kept::Text(span) = kept { place(span) } else { None };
            (self.name(*name), self.value(*kept), Origin { is_own, name_place, place })
        })
    }

    fn is_named(self, own: Name, name: &str) -> bool {
        match own {
            Name::Known(known) => known == name,
            Name::Own(span) => span.len as usize == name.len() && self.text(span) == name,
        }
    }

    fn name(self, name: Name) -> &'a str {
        match name {
            Name::Known(name) => name,
            Name::Own(span) => self.text(span),
        }
    }

    fn value(self, kept: Kept) -> FieldValue<'a> {
        match kept {
            Kept::Bool(value) => FieldValue::Bool(value),
            Kept::Integer(value) => FieldValue::Integer(value),
            Kept::Float(value) => FieldValue::Float(value),
            Kept::Text(span) => FieldValue::Text(self.text(span)),
        }
    }

    /// Another line's fields, by mistake, are empty texts, and no panic.
    fn text(self, span: Span) -> &'a str {
        let (text, start) = if span.start & BESIDE == 0 {
            (self.raw, span.start as usize)
        } else {
            (self.fields.beside.as_str(), (span.start & !BESIDE) as usize)
        };
        text.get(start..start + span.len as usize).unwrap_or_default()
    }
}

/// How a field came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its name is the line's own, and stands in it; else a parser gave it, and it is one of
    /// [`KNOWN_NAMES`].
    pub is_own: bool,
    /// At which byte of the line its own name stands, where it stands there as it is.
    pub name_place: Option<usize>,
    /// At which byte of the line its text stands, where it stands there.
    pub place: Option<usize>,
}

impl<'a, N: AsRef<str>> FromIterator<(N, FieldValue<'a>)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, FieldValue<'a>)>>(fields: I) -> Self {
        let mut builder = FieldsBuilder::new("");
        for (name, value) in fields {
            builder.set(name.as_ref(), value);
        }
        builder.finish()
    }
}

/// As a JSON object.
impl Serialize for FieldsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

/// The most fields that a line can have of its own; what comes after them is left out.
pub const MAX_FIELDS: usize = 256;

/// The longest name of a field, in bytes. A field with a longer one is left out, else a line with
/// one huge key over many small ones would grow by the number of its fields.
pub const MAX_NAME_BYTES: usize = 512;

/// One bit of 64, by a name's length and ends.
fn shape_of(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let ends = usize::from(bytes.first().copied().unwrap_or(0)) * 5 + usize::from(bytes.last().copied().unwrap_or(0));
    1 << ((bytes.len() * 17 + ends) % 64)
}

/// How much a [`FieldsBuilder`] had.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    entries: usize,
    beside: usize,
    left_out: u32,
}

/// Collects the fields of a line.
///
/// ```
/// use foghorn::record::{FieldValue, FieldsBuilder};
///
/// let raw = "user=bob port=80";
/// let mut fields = FieldsBuilder::new(raw);
/// fields.set("user", FieldValue::Text(&raw[5..8]));
/// fields.set("port", FieldValue::Integer(80));
/// let fields = fields.finish();
/// assert_eq!(fields.of(raw).get("user"), Some(FieldValue::Text("bob")));
/// ```
#[derive(Debug)]
pub struct FieldsBuilder<'a> {
    raw: &'a str,
    fields: Fields,
    /// A bit for each shape of the line's own names so far: a new one is most often a new shape.
    shapes: u64,
}

impl<'a> FieldsBuilder<'a> {
    /// For the fields of this line.
    pub fn new(raw: &'a str) -> Self {
        Self { raw, fields: Fields::default(), shapes: 0 }
    }

    /// The line.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// What there is so far.
    pub fn so_far(&self) -> FieldsOf<'_> {
        self.fields.of(self.raw)
    }

    /// Adds a field that a parser names; of two of one name, the first one is found.
    pub fn push(&mut self, name: &'static str, value: FieldValue<'_>) {
        debug_assert!(KNOWN_NAMES.contains(&name), "{name} is not in the list");
        if let Some(kept) = self.keep(value) {
            self.fields.entries.push((Name::Known(name), kept));
        }
    }

    /// Sets a field that the line itself names; of two of one name, the last one counts.
    pub fn set(&mut self, name: &str, value: FieldValue<'_>) {
        let shape = shape_of(name);
        let place = if self.shapes & shape == 0 {
            None
        } else {
            let of = self.fields.of(self.raw);
            self.fields.entries.iter().position(|(own, _)| matches!(own, Name::Own(_)) && of.is_named(*own, name))
        };
        self.shapes |= shape;
        if place.is_none() && (self.fields.entries.len() >= MAX_FIELDS || name.len() > MAX_NAME_BYTES) {
            self.fields.left_out += 1;
            return;
        }
        let Some(kept) = self.keep(value) else { return };
        match place {
            Some(place) => self.fields.entries[place].1 = kept,
            None => {
                if let Some(span) = self.span(name) {
                    self.fields.entries.push((Name::Own(span), kept));
                }
            }
        }
    }

    /// Makes room for so many.
    pub fn reserve(&mut self, fields: usize) {
        self.fields.entries.reserve(fields);
    }

    /// What was collected so far, which is then empty.
    pub fn take(&mut self) -> Fields {
        std::mem::take(&mut self.fields)
    }

    /// Goes on with these fields of the same line.
    pub fn put(&mut self, fields: Fields) {
        self.fields = fields;
        self.shapes = u64::MAX;
    }

    /// A place to come [`back_to`](Self::back_to).
    pub fn mark(&self) -> Mark {
        Mark { entries: self.fields.entries.len(), beside: self.fields.beside.len(), left_out: self.fields.left_out }
    }

    /// Forgets what was added since. A field that was set anew keeps its new value.
    pub fn back_to(&mut self, mark: Mark) {
        self.fields.entries.truncate(mark.entries);
        let is_used = self.fields.entries.iter().any(|(_, kept)| match kept {
            Kept::Text(span) => span.start & BESIDE != 0 && (span.start & !BESIDE) as usize >= mark.beside,
            Kept::Bool(_) | Kept::Integer(_) | Kept::Float(_) => false,
        });
        if !is_used {
            self.fields.beside.truncate(mark.beside);
        }
        self.fields.left_out = mark.left_out;
    }

    /// What was collected.
    pub fn finish(self) -> Fields {
        self.fields
    }

    fn keep(&mut self, value: FieldValue<'_>) -> Option<Kept> {
        Some(match value {
            FieldValue::Bool(value) => Kept::Bool(value),
            FieldValue::Integer(value) => Kept::Integer(value),
            FieldValue::Float(value) => Kept::Float(value),
            FieldValue::Text(text) => Kept::Text(self.span(text)?),
        })
    }

    /// Where the text stands; it is kept beside the line where it does not stand in it. None where
    /// there is no room, beyond two gigabytes.
    fn span(&mut self, text: &str) -> Option<Span> {
        let len = u32::try_from(text.len()).ok()?;
        let (start, flag) = if let Some(place) = place_in(self.raw, text) {
            (place, 0)
        } else {
            let start = self.fields.beside.len();
            self.fields.beside.push_str(text);
            (start, BESIDE)
        };
        let start = u32::try_from(start).ok().filter(|start| start & BESIDE == 0)?;
        Some(Span { start: start | flag, len })
    }
}

/// At which byte of a text a borrowed piece of it stands; none where it is no piece of it: that one
/// lies within the text's bytes, and nothing else does.
///
/// ```
/// let text = "user=bob";
/// assert_eq!(foghorn::record::place_in(text, &text[5..]), Some(5));
/// assert_eq!(foghorn::record::place_in(text, "robert"), None);
/// ```
pub fn place_in(text: &str, piece: &str) -> Option<usize> {
    let place = (piece.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (place + piece.len() <= text.len()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_line_is_a_place_in_it() {
        let raw = r#"{"user":"bob","n":7}"#;
        let mut builder = FieldsBuilder::new(raw);
        builder.set(&raw[2..6], FieldValue::Text(&raw[9..12]));
        builder.set("n", FieldValue::Integer(7));
        builder.push("message", FieldValue::Text("hello"));
        let fields = builder.finish();
        assert_eq!(fields.beside, "nhello");
        let of = fields.of(raw);
        assert_eq!(of.get("user"), Some(FieldValue::Text("bob")));
        assert_eq!(of.get("message"), Some(FieldValue::Text("hello")));
        assert_eq!(of.get("none"), None);
        let origins: Vec<_> =
            of.iter_origins().map(|(name, _, Origin { is_own, place, .. })| (name, is_own, place)).collect();
        assert_eq!(origins, [("user", true, Some(9)), ("n", true, None), ("message", false, None)]);
        assert_eq!(serde_json::to_string(&of).unwrap(), r#"{"user":"bob","n":7,"message":"hello"}"#);
    }

    #[test]
    fn the_last_of_one_name_counts_and_too_many_are_counted() {
        let mut builder = FieldsBuilder::new("");
        builder.set("a", FieldValue::Integer(1));
        builder.set("a", FieldValue::Integer(2));
        builder.set(&"x".repeat(MAX_NAME_BYTES + 1), FieldValue::Bool(true));
        for n in 0..MAX_FIELDS {
            builder.set(&format!("f{n}"), FieldValue::Bool(true));
        }
        let fields = builder.finish();
        assert_eq!((fields.len(), fields.left_out()), (MAX_FIELDS, 2));
        assert_eq!(fields.of("").get("a"), Some(FieldValue::Integer(2)));
    }

    #[test]
    fn the_wrong_line_gives_no_text_and_no_panic() {
        let raw = "long enough";
        let mut builder = FieldsBuilder::new(raw);
        builder.push("user", FieldValue::Text(&raw[5..]));
        assert_eq!(builder.finish().of("é").get("user"), Some(FieldValue::Text("")));
    }
}
