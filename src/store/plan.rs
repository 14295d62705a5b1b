//! A query → what the index is asked: what narrows, and, where the index alone can tell, what decides.

mod keyword;
mod listed;
mod word;

use std::sync::Arc;

use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Explanation, Occur, Query as TantivyQuery};

use super::StoreError;
use super::keyword::ColumnOf;
use super::request::UNSURE;
use super::view::View;
use crate::query::{Decision, Query};
pub(super) use keyword::KeywordQuery;
use word::WordQuery;

type Plan = Box<dyn TantivyQuery>;

/// What a query finds by the index alone.
pub(super) struct Decided {
    /// The very records that the query matches, but for the unsure ones.
    pub query: Plan,
    /// Records that may match: their columns do not tell.
    pub unsure: Option<Plan>,
}

/// What a record that matches certainly has, as a query of the index.
pub(super) fn narrow(query: &Query, view: &Arc<View>) -> Result<Plan, StoreError> {
    let required = query.required();
    let plan = plan(&required, view)?;
    Ok(constant(match unsure(&required, &[], view)? {
        Some(unsure) => Box::new(BooleanQuery::new(vec![(Occur::Should, plan), (Occur::Should, unsure)])),
        None => plan,
    }))
}

/// What finds the records that the query matches, and what the columns say of them; none where records
/// have to be read for it.
pub(super) fn decide(query: &Query, columns: &[ColumnOf], view: &Arc<View>) -> Result<Option<Decided>, StoreError> {
    let Some(decision) = query.decision() else { return Ok(None) };
    let plan = plan(&decision, view)?;
    let Some(unsure) = unsure(&decision, columns, view)? else {
        return Ok(Some(Decided { query: constant(plan), unsure: None }));
    };
    let sure = BooleanQuery::new(vec![(Occur::Must, plan), (Occur::MustNot, unsure.box_clone())]);
    let unsure = BooleanQuery::new(vec![(Occur::Must, narrow(query, view)?), (Occur::Must, unsure)]);
    Ok(Some(Decided { query: constant(Box::new(sure)), unsure: Some(constant(Box::new(unsure))) }))
}

/// What tantivy is told that asks why a document has its score.
fn no_score() -> tantivy::Result<Explanation> {
    Err(tantivy::TantivyError::InvalidArgument("nothing is scored".into()))
}

/// Nothing is scored.
fn constant(plan: Plan) -> Plan {
    Box::new(ConstScoreQuery::new(plan, 1.0))
}

fn plan(decision: &Decision, view: &Arc<View>) -> Result<Plan, StoreError> {
    if let Some(column) = decided_by(decision) {
        return Ok(Box::new(KeywordQuery::of_decision(view, column, decision.clone())));
    }
    Ok(match decision {
        Decision::Token(token) => Box::new(WordQuery::word(view, token)),
        Decision::TokenPrefix(prefix) => Box::new(WordQuery::prefix(view, prefix)),
        Decision::All(parts) if parts.is_empty() => Box::new(AllQuery),
        Decision::All(parts) => {
            let mut plans: Vec<(u8, Plan)> = Vec::new();
            // One column's parts are one question to its keywords.
            for column in ColumnOf::ALL {
                let of_column: Vec<_> = parts.iter().filter(|part| decided_by(part) == Some(column)).cloned().collect();
                if !of_column.is_empty() {
                    let of_column = KeywordQuery::of_decision(view, column, Decision::All(of_column));
                    plans.push((if column.has_documents() { 1 } else { 4 }, Box::new(of_column)));
                }
            }
            for part in parts.iter().filter(|part| decided_by(part).is_none()) {
                let rank = match part {
                    Decision::Token(_) => 0,
                    Decision::TokenPrefix(_) => 3,
                    _ => 2,
                };
                plans.push((rank, plan(part, view)?));
            }
            // A segment is done with at the first that it has nothing of: what is found out quickly comes first.
            plans.sort_by_key(|(rank, _)| *rank);
            let plans = plans.into_iter().map(|(_, plan)| (Occur::Must, plan)).collect();
            Box::new(BooleanQuery::new(plans))
        }
        Decision::Any(parts) if parts.is_empty() => Box::new(EmptyQuery),
        Decision::Any(parts) => {
            let plans = parts.iter().map(|part| Ok((Occur::Should, plan(part, view)?)));
            Box::new(BooleanQuery::new(plans.collect::<Result<_, StoreError>>()?))
        }
        Decision::Not(part) => all_but(plan(part, view)?),
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

/// The records of which a column that the decision looks at, or one of `columns`, does not tell.
fn unsure(decision: &Decision, columns: &[ColumnOf], view: &Arc<View>) -> Result<Option<Plan>, StoreError> {
    let is_looked_at = |column| columns.contains(&column) || looks_at(decision, column);
    let mut plans: Vec<(Occur, Plan)> = Vec::new();
    for column in ColumnOf::ALL.into_iter().filter(|column| column.is_optional() && is_looked_at(*column)) {
        if view.has_first_keyword(column, UNSURE)? {
            let unsure = KeywordQuery::of_texts(view, column, vec![UNSURE.to_owned()]);
            plans.push((Occur::Should, Box::new(unsure)));
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
