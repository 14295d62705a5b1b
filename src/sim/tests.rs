//! The simulated engine over its socket, read by a plain HTTP client.

mod client;
mod engine;
mod events;
mod faults;
mod logs;
