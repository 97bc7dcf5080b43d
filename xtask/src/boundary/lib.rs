//! What xtask and PID 1 of a guest say to each other.
//!
//! The host packs a [`plan::Plan`] into the guest's archive; the guest answers with
//! [`frame::Report`]s over one virtio port and obeys [`frame::Order`]s from it. Both binaries of
//! this package link this library, so neither side can drift.

pub mod bench;
pub mod frame;
pub mod plan;
