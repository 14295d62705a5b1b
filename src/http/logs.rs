//! `GET /api/v1/logs`: a query string → a page of records as JSON.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;

use super::Handles;
use super::error::ApiError;
use super::parameters::{Given, Parameters};
use crate::record::{RecordId, Shown};
use crate::store::{Order, PAGE_BYTES, Page, SearchRequest};

const DEFAULT_LIMIT: u64 = 100;

#[derive(Serialize)]
struct PageJson<'a> {
    records: Vec<Shown<'a>>,
    next_cursor: Option<String>,
    partial: bool,
}

impl<'a> From<&'a Page> for PageJson<'a> {
    fn from(page: &'a Page) -> Self {
        let goes_on = page.has_more || page.is_partial;
        Self {
            records: page.records.iter().map(Shown::whole).collect(),
            next_cursor: page.records.last().filter(|_| goes_on).map(|record| record.id().to_string()),
            partial: page.is_partial,
        }
    }
}

pub(super) async fn logs(State(handles): State<Handles>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = Given::new(parameters, &["query", "from", "to", "limit", "cursor", "order"])?;
    let now = Utc::now();
    let request = SearchRequest {
        query: parameters.query()?,
        from_ns: parameters.time_ns("from", now)?,
        to_ns: parameters.time_ns("to", now)?,
        order: match parameters.get("order") {
            None | Some("newest") => Order::NewestFirst,
            Some("oldest") => Order::OldestFirst,
            Some(other) => {
                return Err(ApiError::parameter("order", format!("{other:?} is no order, expected newest or oldest")));
            }
        },
        after: parameters
            .get("cursor")
            .map(|text| {
                text.parse::<RecordId>().map_err(|_| {
                    ApiError::parameter("cursor", format!("{text:?} is no cursor, expected the next_cursor of a page"))
                })
            })
            .transpose()?,
        limit: parameters.limit(DEFAULT_LIMIT, handles.config.max_limit)?,
        max_bytes: PAGE_BYTES,
        deadline: handles.deadline(),
    };
    let store = handles.store.clone();
    handles
        .answer(request.deadline.clone(), move || {
            let page = store.search(&request)?;
            // Written here, too: a page of long lines is work.
            Ok(Json(PageJson::from(&page)).into_response())
        })
        .await
}
