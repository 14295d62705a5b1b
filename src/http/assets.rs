//! The web page: files of `src/ui/`, in the binary, under a path that carries their hash.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const INDEX: &str = include_str!("../ui/index.html");
const FILES: &[(&str, &str, &str)] = &[
    ("style.css", CSS, include_str!("../ui/style.css")),
    ("icon.svg", SVG, include_str!("../ui/icon.svg")),
    ("api.js", JS, include_str!("../ui/api.js")),
    ("format.js", JS, include_str!("../ui/format.js")),
    ("histogram.js", JS, include_str!("../ui/histogram.js")),
    ("list.js", JS, include_str!("../ui/list.js")),
    ("main.js", JS, include_str!("../ui/main.js")),
    ("notices.js", JS, include_str!("../ui/notices.js")),
    ("query.js", JS, include_str!("../ui/query.js")),
    ("record.js", JS, include_str!("../ui/record.js")),
    ("row.js", JS, include_str!("../ui/row.js")),
    ("url.js", JS, include_str!("../ui/url.js")),
];

/// Changes with any file, so that files can be kept for ever under it.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    (INDEX, FILES).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

static PAGE: LazyLock<String> = LazyLock::new(|| INDEX.replace("__ASSETS__", &format!("assets/{}", *HASH)));

pub(super) async fn index() -> Response {
    ([(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")], PAGE.as_str()).into_response()
}

pub(super) async fn asset(Path((hash, name)): Path<(String, String)>) -> Result<Response, ApiError> {
    let (_, kind, text) =
        FILES.iter().find(|(file, ..)| *file == name && hash == *HASH).ok_or_else(ApiError::not_found)?;
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], *text)
        .into_response())
}
