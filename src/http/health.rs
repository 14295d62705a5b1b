//! `/healthz`: the process answers. `/readyz`: everything that a user needs works, or what does not.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Handles;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(handles): State<Handles>) -> (StatusCode, Json<Value>) {
    let engine = handles.board.engine();
    let store = handles.store.status();
    let mut problems = Vec::new();
    match engine.error {
        Some(error) => problems.push(format!("the engine is not watched: {error}")),
        None if !engine.listed => problems.push(format!("the engine at {} has not answered yet", engine.host)),
        None => {}
    }
    if let Some(reason) = store.paused {
        problems.push(format!("the store takes no records: {reason}"));
    }
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": problems.is_empty(), "problems": problems })))
}
