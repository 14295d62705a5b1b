//! Containers whose records are to go → partitions without them.
//!
//! Deleted documents stay in their files until these are written anew, so that is done at once. Cursors
//! stay: what the engine still has of those containers is not read again.

use std::sync::Arc;

use super::keyword::ColumnOf;
use super::partition::Partition;
use super::{Shared, StoreError, retention, schema};
use crate::record::Container;

/// The containers that have records, and how many, in the order of the index.
pub(super) fn containers(shared: &Shared) -> Result<Vec<(Container, u64)>, StoreError> {
    let mut found: Vec<(Container, u64)> = Vec::new();
    for partition in partitions(shared) {
        for (term, count) in origins(&partition)? {
            let container = schema::container(&term);
            match found.iter_mut().find(|(known, _)| *known == container) {
                Some((_, sum)) => *sum += count,
                None => found.push((container, count)),
            }
        }
    }
    Ok(found)
}

/// Deletes every record of the containers that are wanted.
pub(super) fn delete(shared: &Shared, is_wanted: &dyn Fn(&Container) -> bool) -> Result<(), StoreError> {
    for partition in partitions(shared) {
        let origins = origins(&partition)?.into_iter().map(|(origin, _)| origin);
        let wanted = origins.filter(|origin| is_wanted(&schema::container(origin)));
        let wanted: Vec<String> = wanted.collect();
        if !wanted.is_empty() {
            retention::check_space(&shared.root, partition.size_bytes())?;
            partition.delete(ColumnOf::Container, wanted, &|| true)?;
        }
    }
    Ok(())
}

fn partitions(shared: &Shared) -> Vec<Arc<Partition>> {
    shared.visible().partitions.values().cloned().collect()
}

/// The containers of a partition as its index holds them, with how many records each has.
pub(super) fn origins(partition: &Partition) -> Result<Vec<(String, u64)>, StoreError> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let view = partition.view();
    for reader in view.searcher.segment_readers() {
        let column = view.part(reader.segment_id())?.columns.column(ColumnOf::Container);
        for keyword in column.known()?.unwrap_or_default() {
            let (origin, count) = (keyword.text.to_string(), u64::from(keyword.count));
            match found.iter_mut().find(|(known, _)| *known == origin) {
                Some((_, sum)) => *sum += count,
                None => found.push((origin, count)),
            }
        }
    }
    Ok(found)
}
