//! Foghorn as a whole over a simulated engine: what is written is found, once, whatever happens.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own preparation fails")]

#[path = "../engine/mod.rs"]
mod engine;

mod crash;
mod deleting;
mod gaps;
mod http;
mod import;
mod life;
mod multiline;
mod reading;
mod resuming;
mod rules;
mod searching;
mod secrets;
mod store;
mod support;
mod trouble;
mod unbreakable;
