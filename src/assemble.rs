//! 2 Frame → Line → Entry: the pieces of a long line joined, bytes made text, and the lines of a
//! traceback or whatever else was printed as one thing joined, each per stream.

pub mod decode;
pub mod multiline;
pub mod partial;

pub use multiline::{Entry, Joiner, Rules};
pub use partial::Assembler;
