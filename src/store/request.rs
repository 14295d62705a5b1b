//! What a record says of a request ↔ the keywords that its columns hold: the method and the status as
//! one, and the path.

use std::borrow::Cow;

use super::schema::SEPARATOR;
use crate::query::RequestField;
use crate::record::{FieldValue, Record};
use crate::text;

/// In place of values that no keyword holds: the record has to be read.
pub(super) const UNSURE: &str = "\u{1e}";
/// Behind a value that a query finds under the short name alone. It sorts before all that a longer
/// value can have there.
const SHORT_ONLY: char = '\u{1}';
/// Longer values are not kept twice.
const MAX_KEYWORD_BYTES: usize = 512;

/// What a record has is nothing that a keyword can tell.
struct Untold;

/// The keyword of a record's method and status, and that of its path; empty where it has none. And its
/// signature, which is met on the way.
pub(super) fn keywords(record: &Record) -> (String, String, Option<FieldValue<'_>>) {
    let (found, signature) = Found::in_fields(record);
    let Some(found) = found else { return (String::new(), String::new(), signature) };
    let told = |short, long| found.told(record, short, long);
    let method = told(RequestField::Method, RequestField::HttpMethod);
    let status = told(RequestField::Status, RequestField::HttpStatus);
    let request = match (method, status) {
        (Ok(method), Ok(status)) if method.is_empty() && status.is_empty() => String::new(),
        (Ok(mut method), Ok(status)) => {
            method.reserve(1 + status.len());
            method.push(SEPARATOR);
            method + &status
        }
        _ => UNSURE.to_owned(),
    };
    let path = told(RequestField::Path, RequestField::HttpPath).unwrap_or_else(|Untold| UNSURE.to_owned());
    (request, path, signature)
}

/// The method and the status of a keyword.
pub(super) fn of_keyword(keyword: &str) -> (Option<&str>, Option<&str>) {
    let (method, status) = keyword.split_once(SEPARATOR).unwrap_or_default();
    (Some(method).filter(|method| !method.is_empty()), Some(status).filter(|status| !status.is_empty()))
}

/// The value of a keyword that a query finds under the short name.
pub(super) fn under_short_name(value: &str) -> &str {
    value.strip_suffix(SHORT_ONLY).unwrap_or(value)
}

/// The value of a keyword that a query finds under the name which parsers give.
pub(super) fn under_long_name(value: &str) -> Option<&str> {
    (!value.ends_with(SHORT_ONLY)).then_some(value)
}

/// The fields of a record that have a name of a request's, found in one pass.
struct Found<'r> {
    of_name: [Values<'r>; RequestField::ALL.len()],
    /// There may be one of such a name in another case, which queries find, too.
    has_others: bool,
}

#[derive(Clone, Copy)]
enum Values<'r> {
    Absent,
    One(FieldValue<'r>),
    Several,
}

impl<'r> Found<'r> {
    /// None where there is nothing to be found; and the signature, if there is one.
    fn in_fields(record: &'r Record) -> (Option<Self>, Option<FieldValue<'r>>) {
        let mut signature = None;
        let mut found = Self { of_name: [Values::Absent; RequestField::ALL.len()], has_others: false };
        let mut is_one = false;
        record.fields().for_each(|name, value, _| match might_be(name) {
            // Of a name beyond ASCII, several may be meant.
            _ if !name.is_ascii() => (found.has_others, is_one) = (true, true),
            Some(field) if field.as_str() == name => {
                let values = &mut found.of_name[field as usize];
                *values = if matches!(values, Values::Absent) { Values::One(value) } else { Values::Several };
                is_one = true;
            }
            Some(field) if text::eq_fold(field.as_str(), name) => {
                (found.has_others, is_one) = (true, true);
            }
            None if name == "signature" => signature = signature.or(Some(value)),
            _ => {}
        });
        (is_one.then_some(found), signature)
    }

    /// What a record has under the two names of a field, as a keyword tells it: empty where it has
    /// nothing.
    fn told(&self, record: &'r Record, short: RequestField, long: RequestField) -> Result<String, Untold> {
        let (of_short, of_long) = if self.has_others {
            (values(short, record), values(long, record))
        } else {
            let of_long = self.of_name[long as usize];
            // Under the short name, a query finds what has the long one unless some has the short one.
            let of_short = self.of_name[short as usize];
            (if matches!(of_short, Values::Absent) { of_long } else { of_short }, of_long)
        };
        match (only(of_short)?, only(of_long)?) {
            (None, None) => Ok(String::new()),
            (Some(value), None) => Ok(value.into_owned() + SHORT_ONLY.encode_utf8(&mut [0; 4])),
            (Some(value), Some(other)) if value == other => Ok(value.into_owned()),
            _ => Err(Untold),
        }
    }
}

/// The only field whose name this might be, in any case: most names are told by their length.
fn might_be(name: &str) -> Option<RequestField> {
    let last = name.as_bytes().last()?.to_ascii_lowercase();
    Some(match (name.len(), last) {
        (4, b'h') => RequestField::Path,
        (6, b's') => RequestField::Status,
        (6, b'd') => RequestField::Method,
        (9, b'h') => RequestField::HttpPath,
        (11, b's') => RequestField::HttpStatus,
        (11, b'd') => RequestField::HttpMethod,
        _ => return None,
    })
}

/// What a query finds under the name of the field.
fn values(field: RequestField, record: &Record) -> Values<'_> {
    let mut values = field.values(record);
    match (values.next(), values.next()) {
        (None, _) => Values::Absent,
        (Some(value), None) => Values::One(value),
        (Some(_), Some(_)) => Values::Several,
    }
}

/// The text of the only value; none where there is none.
fn only(values: Values<'_>) -> Result<Option<Cow<'_, str>>, Untold> {
    match values {
        Values::Absent => Ok(None),
        // As texts, fractions compare in another way.
        Values::One(FieldValue::Float(_)) | Values::Several => Err(Untold),
        Values::One(value) => {
            let text = value.text();
            let is_told = (1..=MAX_KEYWORD_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte >= b' ');
            if is_told { Ok(Some(text)) } else { Err(Untold) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keyword::skeleton;
    use super::*;
    use crate::record::Fields;

    /// What one pass finds is what queries find, one name after the other.
    #[test]
    fn keywords_tell_what_queries_find() {
        let names =
            ["status", "http.status", "Status", "method", "http.method", "path", "http.path", "PATH", "ſtatus", "size"];
        let values = [FieldValue::Text("a"), FieldValue::Text("b"), FieldValue::Integer(200), FieldValue::Float(0.5)];
        for first in 0..names.len() * values.len() {
            for second in 0..names.len() * values.len() {
                let field = |n: usize| (names[n / values.len()], values[n % values.len()]);
                let mut record = skeleton("", "");
                record.fields = [field(first), field(second)].into_iter().collect::<Fields>();
                let found = Found { of_name: [Values::Absent; RequestField::ALL.len()], has_others: true };
                let pairs = [
                    (RequestField::Method, RequestField::HttpMethod),
                    (RequestField::Status, RequestField::HttpStatus),
                    (RequestField::Path, RequestField::HttpPath),
                ];
                let [method, status, path] = pairs.map(|(short, long)| found.told(&record, short, long).ok());
                let request = match (method, status) {
                    (Some(method), Some(status)) if method.is_empty() && status.is_empty() => String::new(),
                    (Some(method), Some(status)) => format!("{method}{SEPARATOR}{status}"),
                    _ => UNSURE.to_owned(),
                };
                let expected = (request, path.unwrap_or_else(|| UNSURE.to_owned()), None);
                assert_eq!(keywords(&record), expected, "{:?} {:?}", field(first), field(second));
            }
        }
    }
}
