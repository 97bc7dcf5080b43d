//! syndrop names every connection that a Linux TCP listener dropped.
//!
//! Bytes become values, values become incidents, incidents become totals, and all of it becomes
//! text, in this one direction and in the order of the modules below. A module knows only those
//! before it; [`pipeline`] alone knows them all.

pub mod kernel;

pub mod catalogue;
pub mod cost;
pub mod decode;
pub mod exit;
pub mod filter;
pub mod incident;
pub mod latency;
pub mod ndjson;
pub mod source;

pub mod listeners;

pub mod enrich;
pub mod reconcile;
pub mod totals;

pub mod metrics;
pub mod report;

pub mod gate;

pub mod render;

pub mod pipeline;

pub mod top;

pub mod cli;
pub mod commands;
