//! Every route in one table, and the server behind it.

mod assets;
mod context;
mod counts;
mod error;
mod export;
mod fields;
mod health;
mod live;
mod logs;
mod parameters;
mod patterns;
mod status;

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::HttpConfig;
use crate::docker::board::Board;
use crate::live::Live;
use crate::metrics::{self, Exposition};
use crate::store::{Deadline, StoreError, StoreReader};
use error::ApiError;

/// How long answers under way may take once Foghorn stops.
const GRACE: Duration = Duration::from_secs(5);

/// What the routes read. Cloning is cheap.
#[derive(Clone)]
pub struct Handles {
    /// The index.
    pub store: StoreReader,
    /// Records as they arrive.
    pub live: Live,
    /// The source's state.
    pub board: Board,
    /// `/metrics`.
    pub exposition: Exposition,
    /// The threads on which questions to the index are answered.
    pub questions: tokio::runtime::Handle,
    /// Limits.
    pub config: HttpConfig,
    /// Ends the server and the responses that would go on for ever.
    pub stop: CancellationToken,
}

impl Handles {
    /// When a question that is asked now is to be answered.
    fn deadline(&self) -> Deadline {
        Deadline::at(Instant::now() + self.config.query_timeout)
    }

    /// Answers what takes a thread's time, on one of those for questions. It is given up where the client
    /// hangs up, because then this future is dropped.
    async fn answer<T: Send + 'static>(
        &self,
        deadline: Deadline,
        answer: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        struct Waiting(Deadline);
        impl Drop for Waiting {
            fn drop(&mut self) {
                self.0.give_up();
            }
        }
        let _waiting = Waiting(deadline);
        let answered = self.questions.spawn_blocking(answer).await.map_err(|error| ApiError::internal(&error))?;
        answered.map_err(|error| ApiError::internal(&error))
    }
}

/// The earliest and the latest time of all records. Every segment's times are looked at.
async fn time_range(handles: &Handles) -> Result<Option<(i64, i64)>, ApiError> {
    let store = handles.store.clone();
    handles.answer(handles.deadline(), move || Ok(store.time_range())).await
}

/// The routes.
pub fn router(handles: Handles) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{hash}/{name}", get(assets::asset))
        .route("/api/v1/logs", get(logs::logs))
        .route("/api/v1/context", get(context::context))
        .route("/api/v1/export", get(export::export))
        .route("/api/v1/fields", get(fields::fields))
        .route("/api/v1/histogram", get(counts::histogram))
        .route("/api/v1/facets", get(counts::facets))
        .route("/api/v1/patterns", get(patterns::patterns))
        .route("/api/v1/live", get(live::live))
        .route("/api/v1/status", get(status::status))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(scrape))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(middleware::from_fn(security_headers))
        .with_state(handles)
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, handles: Handles) {
    let stop = handles.stop.clone();
    let graceful = stop.clone();
    let server =
        axum::serve(listener, router(handles)).with_graceful_shutdown(async move { graceful.cancelled().await });
    let server = server.into_future();
    tokio::pin!(server);
    let result = tokio::select! {
        result = &mut server => result,
        () = stop.cancelled() => timeout(GRACE, &mut server).await.unwrap_or(Ok(())),
    };
    if let Err(error) = result {
        warn!(%error, "the http server failed");
    }
}

async fn scrape(State(handles): State<Handles>) -> Result<Response, ApiError> {
    let text = handles.exposition.render().map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn security_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
