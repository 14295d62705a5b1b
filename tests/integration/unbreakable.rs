//! What breaks Foghorn's store from outside: damaged files.

mod damage;
mod source;
