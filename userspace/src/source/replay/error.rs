//! What can be wrong with a recording as a whole.

use std::io;

use crate::ndjson::SCHEMA;

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("failed to read {name}")]
    Read {
        /// The recording.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("failed to replay {0}: it is empty; record with `syndrop trace --json -o FILE`")]
    Empty(String),
    /// Nothing in it makes sense.
    #[error(
        "failed to replay {name}: it is no recording of `syndrop trace --json`: line {line}: {why}"
    )]
    NoRecording {
        /// The file.
        name: String,
        /// The first line.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It is of another version.
    #[error(
        "failed to replay {name}: its format is schema {found}, this syndrop reads {SCHEMA}; take a newer one"
    )]
    Schema {
        /// The recording.
        name: String,
        /// The version that it has.
        found: u32,
    },
}
