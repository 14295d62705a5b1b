//! Stage 3: from a line to the record that it is, with its fields and its level. A line that fits
//! no format is a record all the same: hostile input has no fields, and is no error.

mod head;
mod json;
mod level;

use std::sync::Arc;

use crate::record::{Container, Fields, Kind, Line, Record};

/// The formats, in the order in which they are tried: each reads a line's fields, or says that
/// the line is not its.
const FORMATS: [fn(&str) -> Option<Fields>; 1] = [json::fields];

/// The record that a container's line is.
///
/// ```
/// use std::sync::Arc;
/// use foghorn::record::{Container, ContainerId, Level, Line, Position, Stream};
///
/// let container = Arc::new(Container {
///     id: ContainerId::new("3f9ac1"),
///     name: "web".into(),
///     project: String::new(),
///     service: "web".into(),
///     number: 0,
/// });
/// let line = Line {
///     stream: Stream::Stdout,
///     start: Position { time_ns: 1, ordinal: 1 },
///     end: Position { time_ns: 1, ordinal: 1 },
///     text: r#"{"severity":"WARN","http":{"status":500}}"#.into(),
///     cut_bytes: 0,
/// };
/// let record = foghorn::parse::parse(line, &container);
/// assert_eq!(record.level, Level::Warn);
/// assert_eq!(record.fields["http.status"].text(), "500");
/// ```
pub fn parse(line: Line, container: &Arc<Container>) -> Record {
    let fields = fields(&line.text);
    Record {
        container: Arc::clone(container),
        stream: line.stream,
        position: line.start,
        kind: Kind::Line,
        level: level::guess(&line.text, &fields),
        raw: line.text.into(),
        fields,
        truncated: line.cut_bytes > 0,
    }
}

/// The fields of a line as it was written; none where it fits no format. [`parse`] reads them in
/// the same way, so a stored line shows the fields that it was found by.
///
/// ```
/// let fields = foghorn::parse::fields(r#"{"user":{"id":7}}"#);
/// assert_eq!(fields["user.id"].text(), "7");
/// assert!(foghorn::parse::fields("plain text").is_empty());
/// ```
pub fn fields(raw: &str) -> Fields {
    FORMATS.iter().find_map(|read| read(raw)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContainerId, Level, Position, Stream};

    fn container() -> Arc<Container> {
        let (id, name) = (ContainerId::new("ab12"), "web".to_owned());
        Arc::new(Container { id, service: name.clone(), name, project: String::new(), number: 0 })
    }

    fn line(text: &str, cut_bytes: u64) -> Line {
        let (start, end) = (Position { time_ns: 5, ordinal: 2 }, Position { time_ns: 9, ordinal: 1 });
        Line { stream: Stream::Stderr, start, end, text: text.into(), cut_bytes }
    }

    #[test]
    fn a_record_is_its_line_at_its_start() {
        let record = parse(line(r#" {"level":"warn","a":{"b":1}} "#, 0), &container());
        assert_eq!(
            (record.stream, record.position, record.kind),
            (Stream::Stderr, Position { time_ns: 5, ordinal: 2 }, Kind::Line)
        );
        assert_eq!(
            (&*record.raw, record.level, record.truncated),
            (r#" {"level":"warn","a":{"b":1}} "#, Level::Warn, false)
        );
        assert_eq!(record.fields, fields(&record.raw));
        assert_eq!(record.fields.len(), 2);
    }

    #[test]
    fn a_cut_line_is_truncated() {
        let record = parse(line(r#"{"level":"warn","a":"#, 7), &container());
        assert!(record.truncated && record.fields.is_empty());
        assert_eq!(record.level, Level::Warn);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_a_record_of_itself(text in "\\PC*|[\\x1b\\[\\]{}\":,=|()<>0-9a-zA-Z \\t\\n/.-]{0,60}") {
            let record = parse(line(&text, 0), &container());
            proptest::prop_assert_eq!(&*record.raw, text);
        }
    }
}
