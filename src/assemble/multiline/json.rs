//! JSON over several lines: until its brackets balance.

use super::block::{Block, Step};
use super::shape::{Look, Shape};

/// JSON's brackets after this line; none where they balance.
pub(super) fn brackets(line: &[u8], depth: u32, is_flat: bool) -> Option<Block> {
    let mut depth = depth;
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            // A string ends on its line, whatever is in it.
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => _ = bytes.next(),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let goes_on = matches!(line.last(), Some(b',' | b'[' | b'{' | b':'));
    (depth > 0).then_some(Block::Json { depth, is_flat, goes_on })
}

pub(super) fn next(look: &Look<'_>, depth: u32, is_flat: bool, goes_on: bool) -> Step {
    if look.shape == Shape::Blank {
        return Step::Join(Block::Json { depth, is_flat, goes_on });
    }
    if look.indent == 0 {
        // A broken object must not swallow what follows: at the margin only JSON goes on.
        let is_json =
            matches!(look.head[0], b'"' | b'{' | b'}' | b'[' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b',');
        let is_member = matches!(look.head[0], b'"' | b'}' | b']' | b',');
        if !is_json || (!goes_on && !is_member) || (look.shape.is_header() && look.head[0] != b'{') {
            return Step::Start;
        }
        if look.closes() && !is_flat && !look.opens() && look.last != b',' {
            return Step::Last;
        }
    } else if look.shape == Shape::Complete {
        return Step::Start;
    }
    let is_flat = is_flat || look.indent == 0;
    brackets(look.head, depth, is_flat).map_or(Step::Last, Step::Join)
}
