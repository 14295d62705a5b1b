//! 2 Frame → Line: the pieces of a long line joined, per stream, and bytes made text.

pub mod decode;
pub mod partial;

pub use partial::Assembler;
