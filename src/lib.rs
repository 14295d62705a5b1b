//! Foghorn runs beside a Docker Compose stack and reads every container's output through the
//! Docker API, without losing or repeating a line.
//!
//! ```text
//!  engine ─ docker ─ Frame ─ assemble ─ Entry ─ redact ─ parse ─ signature ─ Record ─ fanout ┬─ store ─ search ─┐
//!           (1 source)       (2)                (3)      (4)     (5)         (pipeline)      ├─ live ───────────┼─ http
//!                                                                                            └─ metrics ────────┘
//! ```
//!
//! The modules stand in the order in which a line meets them.

#![recursion_limit = "256"]

pub mod cli;
pub mod config;
pub mod drain;
pub mod telemetry;

pub mod expression;
pub mod pattern;
pub mod record;
pub mod text;

pub mod docker;

pub mod assemble;

pub mod parse;

pub mod redact;

pub mod signature;

pub mod pipeline;

pub mod fanout;
pub mod live;
pub mod metrics;
pub mod query;
pub mod store;

pub mod http;

pub mod app;

pub mod sim;
