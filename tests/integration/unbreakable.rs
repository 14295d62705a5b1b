//! What breaks Foghorn's store from outside: kills, a full disk, and damaged files.

mod damage;
mod files;
mod full;
mod kill;
mod source;
