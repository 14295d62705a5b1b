//! `GET /api/v1/fields`: a query string → the fields that the newest matching records have.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::record::{FieldValue, Record};
use crate::store::{Order, PAGE_BYTES, SearchRequest};

const USUAL_RECORDS: u64 = 1_000;
const MAX_RECORDS: u64 = 10_000;
const MAX_FIELDS: usize = 1_000;
const MAX_EXAMPLES: usize = 5;
/// Of a longer value, its beginning is shown.
const MAX_EXAMPLE_BYTES: usize = 100;

/// What is known of one field.
#[derive(Debug, Default, Serialize)]
struct FieldJson {
    name: String,
    /// How many of the records have it.
    records: u64,
    /// `text`, `number` or `bool`.
    types: Vec<&'static str>,
    /// Different values, the newest first.
    examples: Vec<String>,
}

#[derive(Serialize)]
struct FieldsJson {
    /// What most records have comes first.
    fields: Vec<FieldJson>,
    /// How many were looked at.
    records: usize,
    partial: bool,
}

pub(super) async fn fields(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "limit"])?;
    let now = Utc::now();
    let request = SearchRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        to_ns: parameters.time_ns("to", now)?,
        order: Order::NewestFirst,
        after: None,
        limit: parameters.limit(USUAL_RECORDS, MAX_RECORDS)?,
        max_bytes: PAGE_BYTES,
        deadline: handles.deadline(),
    };
    let store = handles.store.clone();
    handles
        .answer(request.deadline.clone(), move || {
            let page = store.search(&request)?;
            let answer =
                FieldsJson { fields: fields_of(&page.records), records: page.records.len(), partial: page.is_partial };
            Ok(Json(answer).into_response())
        })
        .await
}

fn fields_of(records: &[Record]) -> Vec<FieldJson> {
    let mut fields: BTreeMap<&str, FieldJson> = BTreeMap::new();
    for record in records {
        let mut seen = HashSet::new();
        for (name, value) in record.fields().iter() {
            if !fields.contains_key(name) && fields.len() == MAX_FIELDS {
                continue;
            }
            let field = fields.entry(name).or_default();
            field.records += u64::from(seen.insert(name));
            let kind = match value {
                FieldValue::Bool(_) => "bool",
                FieldValue::Integer(_) | FieldValue::Float(_) => "number",
                FieldValue::Text(_) => "text",
            };
            if !field.types.contains(&kind) {
                field.types.push(kind);
            }
            if field.examples.len() < MAX_EXAMPLES {
                let text = value.text();
                let example = &text[..text.floor_char_boundary(MAX_EXAMPLE_BYTES)];
                if !field.examples.iter().any(|known| known == example) {
                    field.examples.push(example.to_owned());
                }
            }
        }
    }
    let mut fields: Vec<FieldJson> =
        fields.into_iter().map(|(name, field)| FieldJson { name: name.to_owned(), ..field }).collect();
    fields.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.name.cmp(&b.name)));
    fields
}
