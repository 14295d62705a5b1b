//! The one error that handlers return: a status, a stable code, and a message for people.

use std::fmt::Display;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use crate::query::QueryError;

/// Becomes `{"error": {"code": …, "message": …}}`, with the parameter and the column where a
/// request's text is at fault.
#[derive(Debug, Serialize)]
pub(super) struct ApiError {
    #[serde(skip)]
    status: StatusCode,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

#[derive(Serialize)]
struct Envelope {
    error: ApiError,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), parameter: None, column: None }
    }

    /// A parameter's value is not what it can be.
    pub(super) fn parameter(parameter: &'static str, message: impl Into<String>) -> Self {
        Self { parameter: Some(parameter), ..Self::new(StatusCode::BAD_REQUEST, "bad_parameter", message) }
    }

    /// The request as a whole cannot be read.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn query(error: &QueryError) -> Self {
        let bad = Self::new(StatusCode::BAD_REQUEST, "bad_query", error.to_string());
        Self { parameter: Some("query"), column: Some(error.column), ..bad }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
    }

    /// What was asked for is not there.
    pub(super) fn missing(message: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address is only read, with GET")
    }

    pub(super) fn too_many_readers() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_readers",
            "all places of live tail are taken, see live.max_readers",
        )
    }

    /// What went wrong inside is for the log, not for the reader.
    pub(super) fn internal(error: &dyn Display) -> Self {
        error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this failed inside foghorn; its own log says why")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(Envelope { error: self })).into_response()
    }
}
