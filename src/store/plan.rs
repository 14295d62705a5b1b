//! A query → what the index is asked: what narrows, and, where the index alone can tell, what decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, Query as TantivyQuery, RegexQuery, TermQuery,
    TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::StoreError;
use super::schema::{self, Fields, Marks};
use crate::query::{BuiltinField, Decision, Query, Requirement};
use crate::record::{Position, Record};

/// What a record that matches certainly has, as a query of the index.
pub(super) fn narrow(query: &Query, fields: Fields, searcher: &Searcher) -> Result<Box<dyn TantivyQuery>, StoreError> {
    Ok(match narrow_by(&query.required(), fields, searcher)? {
        Some(query) => Box::new(ConstScoreQuery::new(query, 1.0)),
        None => Box::new(AllQuery),
    })
}

/// All of these, as one query; none where there are none.
fn narrow_by(
    requirements: &[Requirement],
    fields: Fields,
    searcher: &Searcher,
) -> Result<Option<Box<dyn TantivyQuery>>, StoreError> {
    let mut parts: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
    let (mut of_container, mut of_marks) = (Vec::new(), Vec::new());
    for requirement in requirements {
        match (column(requirement), requirement) {
            (Some(ColumnOf::Container), _) => of_container.push(requirement),
            (Some(ColumnOf::Marks), _) => of_marks.push(requirement),
            (None, Requirement::Token(token)) => parts.push((Occur::Must, term(fields.body, token))),
            (None, Requirement::TokenPrefix(prefix)) => parts.push((Occur::Must, begins(fields.body, prefix)?)),
            (None, Requirement::Any(alternatives)) => {
                let any = alternatives.iter().map(|list| narrow_by(list, fields, searcher));
                // One that narrows nothing leaves all of them open.
                if let Some(any) = any.collect::<Result<Option<Vec<_>>, _>>()? {
                    let any = any.into_iter().map(|query| (Occur::Should, query)).collect();
                    parts.push((Occur::Must, Box::new(BooleanQuery::new(any))));
                }
            }
            (None, Requirement::Keyword { .. } | Requirement::KeywordPrefix { .. }) => {}
        }
    }
    for (field, requirements) in [(fields.origin, of_container), (fields.marks, of_marks)] {
        if !requirements.is_empty() {
            let terms = keywords(searcher, field, |keyword| {
                let record = skeleton(keyword, field == fields.marks);
                requirements.iter().all(|requirement| satisfies(requirement, &record))
            })?;
            parts.push((Occur::Must, Box::new(TermSetQuery::new(terms))));
        }
    }
    Ok(if parts.is_empty() { None } else { Some(Box::new(BooleanQuery::new(parts))) })
}

/// The query of the index that finds the very records which the query matches; none where records have
/// to be read for it.
pub(super) fn decide(
    query: &Query,
    fields: Fields,
    searcher: &Searcher,
) -> Result<Option<Box<dyn TantivyQuery>>, StoreError> {
    let decision = query.decision();
    decision
        .map(|decision| Ok(Box::new(ConstScoreQuery::new(decide_by(&decision, fields, searcher)?, 1.0)) as Box<_>))
        .transpose()
}

fn decide_by(decision: &Decision, fields: Fields, searcher: &Searcher) -> Result<Box<dyn TantivyQuery>, StoreError> {
    let list = |occur, parts: &[Decision]| -> Result<Vec<(Occur, Box<dyn TantivyQuery>)>, StoreError> {
        parts.iter().map(|part| Ok((occur, decide_by(part, fields, searcher)?))).collect()
    };
    if let Some(column) = decided_by(decision) {
        let field = if column == ColumnOf::Marks { fields.marks } else { fields.origin };
        let terms = keywords(searcher, field, |keyword| decision.holds(&skeleton(keyword, field == fields.marks)))?;
        return Ok(Box::new(TermSetQuery::new(terms)));
    }
    Ok(match decision {
        Decision::Token(token) => term(fields.body, token),
        Decision::TokenPrefix(prefix) => begins(fields.body, prefix)?,
        Decision::All(parts) if parts.is_empty() => Box::new(AllQuery),
        Decision::All(parts) => Box::new(BooleanQuery::new(list(Occur::Must, parts)?)),
        Decision::Any(parts) if parts.is_empty() => Box::new(EmptyQuery),
        Decision::Any(parts) => Box::new(BooleanQuery::new(list(Occur::Should, parts)?)),
        Decision::Not(part) => Box::new(BooleanQuery::new(vec![
            (Occur::Must, Box::new(AllQuery)),
            (Occur::MustNot, decide_by(part, fields, searcher)?),
        ])),
        // Each built-in field has its column.
        Decision::Builtin(..) => Box::new(EmptyQuery),
    })
}

/// The column that alone decides, of which there is one for each built-in field.
fn decided_by(decision: &Decision) -> Option<ColumnOf> {
    match decision {
        Decision::Token(_) | Decision::TokenPrefix(_) => None,
        Decision::Builtin(field, _) => Some(column_of(*field)),
        Decision::Not(part) => decided_by(part),
        Decision::All(parts) | Decision::Any(parts) => {
            let mut columns = parts.iter().map(decided_by);
            let first = columns.next()??;
            columns.all(|column| column == Some(first)).then_some(first)
        }
    }
}

/// The columns of which one keyword tells all that they know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnOf {
    Container,
    Marks,
}

/// The column that a built-in field is a part of.
pub(super) fn column_of(field: BuiltinField) -> ColumnOf {
    match field {
        BuiltinField::Container
        | BuiltinField::ContainerId
        | BuiltinField::Project
        | BuiltinField::Service
        | BuiltinField::Number => ColumnOf::Container,
        BuiltinField::Stream | BuiltinField::Level | BuiltinField::Kind | BuiltinField::Format => ColumnOf::Marks,
    }
}

/// The column that alone decides a requirement; none of a word's, and where it takes several.
fn column(requirement: &Requirement) -> Option<ColumnOf> {
    match requirement {
        Requirement::Token(_) | Requirement::TokenPrefix(_) => None,
        Requirement::Keyword { field, .. } | Requirement::KeywordPrefix { field, .. } => Some(column_of(*field)),
        Requirement::Any(alternatives) => {
            let mut columns = alternatives.iter().flatten().map(column);
            let first = columns.next()??;
            columns.all(|column| column == Some(first)).then_some(first)
        }
    }
}

/// The keywords of `field` that pass, from the dictionaries of all segments: there are few.
fn keywords(searcher: &Searcher, field: Field, passes: impl Fn(&str) -> bool) -> Result<Vec<Term>, StoreError> {
    let mut terms = BTreeSet::new();
    for reader in searcher.segment_readers() {
        let index = reader.inverted_index(field)?;
        let mut keywords = index.terms().stream()?;
        while keywords.advance() {
            if let Some(keyword) = std::str::from_utf8(keywords.key()).ok().filter(|keyword| passes(keyword)) {
                terms.insert(Term::from_field_text(field, keyword));
            }
        }
    }
    Ok(terms.into_iter().collect())
}

/// A record that has the keyword and nothing else.
pub(super) fn skeleton(keyword: &str, is_marks: bool) -> Record {
    let marks = Marks::from_keyword(if is_marks { keyword } else { "" });
    Record {
        container: Arc::new(schema::container(if is_marks { "" } else { keyword })),
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

fn satisfies(requirement: &Requirement, record: &Record) -> bool {
    match requirement {
        Requirement::Keyword { field, value } => field.keyword(record) == value.as_str(),
        Requirement::KeywordPrefix { field, value } => field.keyword(record).starts_with(value.as_str()),
        Requirement::Any(alternatives) => {
            alternatives.iter().any(|list| list.iter().all(|requirement| satisfies(requirement, record)))
        }
        Requirement::Token(_) | Requirement::TokenPrefix(_) => true,
    }
}

fn term(field: Field, text: &str) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn begins(field: Field, prefix: &str) -> Result<Box<dyn TantivyQuery>, StoreError> {
    Ok(Box::new(RegexQuery::from_pattern(&format!("{}(.|\\n)*", regex::escape(prefix)), field)?))
}
