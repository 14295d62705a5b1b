//! The columns of keywords, and what one keyword tells of a record.

use std::sync::Arc;

use super::aggregate::Facet;
use super::request;
use super::schema::{self, Marks};
use crate::query::{BuiltinField, Decision, RequestField};
use crate::record::{FieldValue, Position, Record};

/// A column of keywords, each of which holds one field or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnOf {
    /// [`schema::origin`].
    Container,
    /// [`Marks`].
    Marks,
    /// The method and the status: see [`request`]; only of records that have one.
    Request,
    /// The path: see [`request`]; only of records that have one, and without postings: there are many.
    Path,
}

impl ColumnOf {
    pub(super) const ALL: [Self; 4] = [Self::Container, Self::Marks, Self::Request, Self::Path];

    /// The column that a built-in field is a part of.
    pub(super) fn of_builtin(field: BuiltinField) -> Self {
        match field {
            BuiltinField::Container
            | BuiltinField::ContainerId
            | BuiltinField::Project
            | BuiltinField::Service
            | BuiltinField::Number => Self::Container,
            BuiltinField::Stream | BuiltinField::Level | BuiltinField::Kind | BuiltinField::Format => Self::Marks,
        }
    }

    /// The column that a request's field is a part of.
    pub(super) fn of_request(field: RequestField) -> Self {
        match field {
            RequestField::Method | RequestField::Status | RequestField::HttpMethod | RequestField::HttpStatus => {
                Self::Request
            }
            RequestField::Path | RequestField::HttpPath => Self::Path,
        }
    }

    /// The column that tells a facet's value; none where the record does.
    pub(super) fn of_facet(facet: &Facet) -> Option<Self> {
        match facet {
            Facet::Builtin(field) => Some(Self::of_builtin(*field)),
            Facet::Request(field) => Some(Self::of_request(*field)),
            Facet::Field(_) => None,
        }
    }

    /// Whether it keeps which documents have a keyword: of paths, there are too many.
    pub(super) fn has_documents(self) -> bool {
        self != Self::Path
    }

    /// Records may have no keyword, and may have [`request::UNSURE`] for one.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Request | Self::Path)
    }
}

/// What a keyword tells of the records that have it.
#[derive(Default)]
pub(super) struct Known<'k> {
    /// With nothing but what the keyword tells.
    record: Option<Record>,
    method: Option<&'k str>,
    path: Option<&'k str>,
    status: Option<&'k str>,
}

impl<'k> Known<'k> {
    pub(super) fn of(column: ColumnOf, keyword: &'k str) -> Self {
        match column {
            ColumnOf::Container => Self { record: Some(skeleton(keyword, "")), ..Self::default() },
            ColumnOf::Marks => Self { record: Some(skeleton("", keyword)), ..Self::default() },
            ColumnOf::Request => {
                let (method, status) = request::of_keyword(keyword);
                Self { method, status, ..Self::default() }
            }
            ColumnOf::Path => Self { path: Some(keyword), ..Self::default() },
        }
    }

    /// Whether the records are what the decision asks for; it has to be one by this column alone.
    pub(super) fn passes(&self, decision: &Decision) -> bool {
        decision.holds(&|leaf| match leaf {
            Decision::Builtin(field, test) => self.record.as_ref().is_some_and(|record| field.matches(test, record)),
            Decision::Request(field, test) => {
                self.value(*field).is_some_and(|value| test.accepts(field.as_str(), FieldValue::Text(value)))
            }
            _ => false,
        })
    }

    /// Calls `f` with the value that a facet counts, which is empty where there is none.
    pub(super) fn with_value<T>(&self, facet: &Facet, f: impl FnOnce(&str) -> T) -> T {
        match (facet, &self.record) {
            (Facet::Builtin(field), Some(record)) => f(&field.text(record)),
            (Facet::Request(field), _) => f(self.value(*field).unwrap_or_default()),
            _ => f(""),
        }
    }

    fn value(&self, field: RequestField) -> Option<&'k str> {
        match field {
            RequestField::Method => self.method.map(request::under_short_name),
            RequestField::Path => self.path.map(request::under_short_name),
            RequestField::Status => self.status.map(request::under_short_name),
            RequestField::HttpMethod => self.method.and_then(request::under_long_name),
            RequestField::HttpPath => self.path.and_then(request::under_long_name),
            RequestField::HttpStatus => self.status.and_then(request::under_long_name),
        }
    }
}

pub(super) fn skeleton(origin: &str, marks: &str) -> Record {
    let marks = Marks::from_keyword(marks);
    Record {
        container: Arc::new(schema::container(origin)),
        stream: marks.stream,
        position: Position::default(),
        kind: marks.kind,
        level: marks.level,
        raw: "".into(),
        fields: crate::record::Fields::default(),
        format: marks.format,
        truncated: marks.truncated,
    }
}
