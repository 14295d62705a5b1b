//! `GET /api/v1/status`: what Foghorn itself is doing.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Handles;

pub(super) async fn status(State(handles): State<Handles>) -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "engine": handles.board.engine(),
        "containers": handles.board.containers(),
        "store": handles.store.status(),
        "live": { "readers": handles.live.readers() },
    }))
}
