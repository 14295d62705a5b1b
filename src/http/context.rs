//! `GET /api/v1/context`: a record's id → the records before and after it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::query::{BuiltinField, Expr, Query, Test, Value};
use crate::record::{Container, Record, RecordId, Shown};
use crate::store::{Deadline, Order, PAGE_BYTES, Page, SearchRequest, StoreError, StoreReader};

const USUAL_RECORDS: u64 = 20;
const MAX_RECORDS: u64 = 1_000;

#[derive(Serialize)]
struct ContextJson<'a> {
    /// The oldest first.
    records: Vec<Shown<'a>>,
    /// Which of them was asked for.
    at: usize,
    has_before: bool,
    has_after: bool,
    partial: bool,
}

/// Among whose records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Container,
    Service,
}

pub(super) async fn context(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["id", "before", "after", "scope"])?;
    let text = parameters.get("id").unwrap_or_default();
    let id: RecordId = text
        .parse()
        .map_err(|_| ApiError::parameter("id", format!("{text:?} is no record's id, expected the id of a record")))?;
    let scope = match parameters.get("scope") {
        None | Some("container") => Scope::Container,
        Some("service") => Scope::Service,
        Some(other) => {
            return Err(ApiError::parameter("scope", format!("{other:?} is no scope, expected container or service")));
        }
    };
    let count = |name| parameters.number(name, 0, USUAL_RECORDS, MAX_RECORDS);
    let (before, after) = (count("before")?, count("after")?);
    let (store, deadline) = (handles.store.clone(), handles.deadline());
    let answer = handles.answer(deadline.clone(), move || {
        let Some(record) = find(&store, &id, &deadline)? else { return Ok(None) };
        let query = around(&record.container, scope);
        let beside = |order, limit: usize| -> Result<Page, StoreError> {
            // Of none, too, it is said whether there are any.
            let mut page = page(&store, query.clone(), order, Some(id.clone()), limit.max(1), &deadline)?;
            page.has_more |= page.records.len() > limit;
            page.records.truncate(limit);
            Ok(page)
        };
        let (mut older, newer) = (beside(Order::NewestFirst, before)?, beside(Order::OldestFirst, after)?);
        older.records.reverse();
        let at = older.records.len();
        let records: Vec<Record> = older.records.into_iter().chain([record]).chain(newer.records).collect();
        let context = ContextJson {
            records: records.iter().map(Shown::whole).collect(),
            at,
            has_before: older.has_more,
            has_after: newer.has_more,
            partial: older.is_partial || newer.is_partial,
        };
        Ok(Some(Json(context).into_response()))
    });
    answer.await?.ok_or_else(|| ApiError::missing("there is no record of this id: it may have expired"))
}

fn equals(field: BuiltinField, value: &str) -> Expr {
    Expr::Builtin(field, Test::Equals(Value::new(value)))
}

fn around(container: &Container, scope: Scope) -> Query {
    Query::all(match scope {
        Scope::Container => vec![equals(BuiltinField::ContainerId, container.id.as_str())],
        Scope::Service => {
            vec![equals(BuiltinField::Service, &container.service), equals(BuiltinField::Project, &container.project)]
        }
    })
}

fn page(
    store: &StoreReader,
    query: Query,
    order: Order,
    after: Option<RecordId>,
    limit: usize,
    deadline: &Deadline,
) -> Result<Page, StoreError> {
    store.search(&SearchRequest {
        query,
        from_ns: None,
        to_ns: None,
        order,
        after,
        limit,
        max_bytes: PAGE_BYTES,
        deadline: deadline.clone(),
    })
}

/// The record of that id: the one of its time, container, stream and ordinal.
fn find(store: &StoreReader, id: &RecordId, deadline: &Deadline) -> Result<Option<Record>, StoreError> {
    let request = SearchRequest {
        query: Query::all(vec![equals(BuiltinField::ContainerId, id.container.as_str())]),
        from_ns: Some(id.time_ns),
        to_ns: Some(id.time_ns.saturating_add(1)),
        order: Order::NewestFirst,
        // The first one at or before it: many may have one time.
        after: Some(RecordId { ordinal: id.ordinal.saturating_add(1), ..id.clone() }),
        limit: 1,
        max_bytes: PAGE_BYTES,
        deadline: deadline.clone(),
    };
    Ok(store.search(&request)?.records.into_iter().find(|record| record.id() == *id))
}
