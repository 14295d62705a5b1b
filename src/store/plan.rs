//! A query → what the index is asked: what narrows, and, where the index alone can tell, what decides.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::query::doc_predicate_query::{DocPredicateQuery, FunctionPredicate};
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, Query as TantivyQuery, RegexQuery, TermQuery,
    TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, SegmentReader, Term};

use super::StoreError;
use super::columns::{ColumnOf, Known};
use super::schema::{Fields, UNSURE};
use crate::query::{Decision, Query};

type Plan = Box<dyn TantivyQuery>;

/// What a query finds by the index alone.
pub(super) struct Decided {
    /// The very records that the query matches, but for the unsure ones.
    pub query: Plan,
    /// Records that may match: their columns do not tell.
    pub unsure: Option<Plan>,
}

/// What a record that matches certainly has, as a query of the index.
pub(super) fn narrow(query: &Query, fields: Fields, searcher: &Searcher) -> Result<Plan, StoreError> {
    let required = query.required();
    let plan = plan(&required, fields, searcher)?;
    Ok(constant(match unsure(&required, &[], fields, searcher)? {
        Some(unsure) => Box::new(BooleanQuery::new(vec![(Occur::Should, plan), (Occur::Should, unsure)])),
        None => plan,
    }))
}

/// What finds the records that the query matches, and what the columns say of them; none where records
/// have to be read for it.
pub(super) fn decide(
    query: &Query,
    columns: &[ColumnOf],
    fields: Fields,
    searcher: &Searcher,
) -> Result<Option<Decided>, StoreError> {
    let Some(decision) = query.decision() else { return Ok(None) };
    let plan = plan(&decision, fields, searcher)?;
    let Some(unsure) = unsure(&decision, columns, fields, searcher)? else {
        return Ok(Some(Decided { query: constant(plan), unsure: None }));
    };
    let sure = BooleanQuery::new(vec![(Occur::Must, plan), (Occur::MustNot, unsure.box_clone())]);
    let unsure = BooleanQuery::new(vec![(Occur::Must, narrow(query, fields, searcher)?), (Occur::Must, unsure)]);
    Ok(Some(Decided { query: constant(Box::new(sure)), unsure: Some(constant(Box::new(unsure))) }))
}

/// Nothing is scored.
fn constant(plan: Plan) -> Plan {
    Box::new(ConstScoreQuery::new(plan, 1.0))
}

fn plan(decision: &Decision, fields: Fields, searcher: &Searcher) -> Result<Plan, StoreError> {
    if let Some(column) = decided_by(decision) {
        return by_keywords(column, decision, fields, searcher);
    }
    Ok(match decision {
        Decision::Token(token) => term(fields.body, token),
        Decision::TokenPrefix(prefix) => begins(fields.body, prefix)?,
        Decision::All(parts) if parts.is_empty() => Box::new(AllQuery),
        Decision::All(parts) => {
            let mut plans = Vec::new();
            // One column's parts are one question to its keywords.
            for column in ColumnOf::ALL {
                let of_column: Vec<_> = parts.iter().filter(|part| decided_by(part) == Some(column)).cloned().collect();
                if !of_column.is_empty() {
                    plans.push((Occur::Must, by_keywords(column, &Decision::All(of_column), fields, searcher)?));
                }
            }
            for part in parts.iter().filter(|part| decided_by(part).is_none()) {
                plans.push((Occur::Must, plan(part, fields, searcher)?));
            }
            Box::new(BooleanQuery::new(plans))
        }
        Decision::Any(parts) if parts.is_empty() => Box::new(EmptyQuery),
        Decision::Any(parts) => {
            let plans = parts.iter().map(|part| Ok((Occur::Should, plan(part, fields, searcher)?)));
            Box::new(BooleanQuery::new(plans.collect::<Result<_, StoreError>>()?))
        }
        Decision::Not(part) => all_but(plan(part, fields, searcher)?),
        // Each of these fields has its column.
        Decision::Builtin(..) | Decision::Request(..) => Box::new(EmptyQuery),
    })
}

fn all_but(plan: Plan) -> Plan {
    Box::new(BooleanQuery::new(vec![(Occur::Must, Box::new(AllQuery)), (Occur::MustNot, plan)]))
}

/// The column that alone decides.
fn decided_by(decision: &Decision) -> Option<ColumnOf> {
    match decision {
        Decision::Token(_) | Decision::TokenPrefix(_) => None,
        Decision::Builtin(field, _) => Some(ColumnOf::of_builtin(*field)),
        Decision::Request(field, _) => Some(ColumnOf::of_request(*field)),
        Decision::Not(part) => decided_by(part),
        Decision::All(parts) | Decision::Any(parts) => {
            let mut columns = parts.iter().map(decided_by);
            let first = columns.next()??;
            columns.all(|column| column == Some(first)).then_some(first)
        }
    }
}

/// The records whose keyword passes.
fn by_keywords(column: ColumnOf, decision: &Decision, fields: Fields, searcher: &Searcher) -> Result<Plan, StoreError> {
    // What records without a keyword pass, all pass but those whose keyword does not.
    let passes_without = column.is_optional() && Known::default().passes(decision);
    if column == ColumnOf::Path {
        let decision = decision.clone();
        return Ok(by_path(move |path| Known::of(ColumnOf::Path, path).passes(&decision), passes_without));
    }
    let field = column.field(fields);
    let mut terms = BTreeSet::new();
    for reader in searcher.segment_readers() {
        let index = reader.inverted_index(field)?;
        let mut keywords = index.terms().stream()?;
        while keywords.advance() {
            if let Ok(keyword) = std::str::from_utf8(keywords.key())
                && Known::of(column, keyword).passes(decision) != passes_without
            {
                terms.insert(Term::from_field_text(field, keyword));
            }
        }
    }
    let some: Plan = Box::new(TermSetQuery::new(terms));
    Ok(if passes_without { all_but(some) } else { some })
}

/// The records whose path passes: of each segment, its different paths are looked at once.
fn by_path(passes: impl Fn(&str) -> bool + Send + Sync + 'static, passes_without: bool) -> Plan {
    // A search asks several times.
    let known: Mutex<HashMap<SegmentId, Arc<[bool]>>> = Mutex::default();
    let predicate = FunctionPredicate::from(move |reader: &SegmentReader| {
        let column = reader.fast_fields().str(ColumnOf::Path.as_str())?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let passing = match (known.get(&reader.segment_id()), &column) {
            (Some(passing), _) => Arc::clone(passing),
            (None, None) => Arc::new([]),
            (None, Some(column)) => {
                let mut passing = Vec::with_capacity(column.num_terms());
                let mut paths = column.dictionary().stream()?;
                while paths.advance() {
                    passing.push(std::str::from_utf8(paths.key()).is_ok_and(&passes));
                }
                let passing: Arc<[bool]> = passing.into();
                known.insert(reader.segment_id(), Arc::clone(&passing));
                passing
            }
        };
        Ok(move |document| {
            let path = column.as_ref().and_then(|column| column.ords().first(document));
            path.map_or(passes_without, |path| passing.get(path as usize).copied().unwrap_or_default())
        })
    });
    Box::new(DocPredicateQuery::from(predicate))
}

/// The records of which a column that the decision looks at, or one of `columns`, does not tell.
fn unsure(
    decision: &Decision,
    columns: &[ColumnOf],
    fields: Fields,
    searcher: &Searcher,
) -> Result<Option<Plan>, StoreError> {
    let is_looked_at = |column| columns.contains(&column) || looks_at(decision, column);
    let mut plans: Vec<(Occur, Plan)> = Vec::new();
    if is_looked_at(ColumnOf::Request) && searcher.doc_freq(&Term::from_field_text(fields.request, UNSURE))? > 0 {
        plans.push((Occur::Should, term(fields.request, UNSURE)));
    }
    if is_looked_at(ColumnOf::Path) {
        for reader in searcher.segment_readers() {
            let column = reader.fast_fields().str(ColumnOf::Path.as_str())?;
            if column.map(|column| column.dictionary().term_ord(UNSURE)).transpose()?.flatten().is_some() {
                plans.push((Occur::Should, by_path(|path| path == UNSURE, false)));
                break;
            }
        }
    }
    Ok(if plans.is_empty() { None } else { Some(Box::new(BooleanQuery::new(plans))) })
}

fn looks_at(decision: &Decision, column: ColumnOf) -> bool {
    match decision {
        Decision::Request(field, _) => ColumnOf::of_request(*field) == column,
        Decision::All(parts) | Decision::Any(parts) => parts.iter().any(|part| looks_at(part, column)),
        Decision::Not(part) => looks_at(part, column),
        Decision::Builtin(..) | Decision::Token(_) | Decision::TokenPrefix(_) => false,
    }
}

fn term(field: Field, text: &str) -> Plan {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn begins(field: Field, prefix: &str) -> Result<Plan, StoreError> {
    Ok(Box::new(RegexQuery::from_pattern(&format!("{}(.|\\n)*", regex::escape(prefix)), field)?))
}
