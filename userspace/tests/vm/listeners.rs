//! The table of listeners: every row is what packets and system calls made it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

use crate::case::Case;
use crate::process::{Ending, Process, command};

mod crowd;
mod first_drop;
mod owner;
mod rights;
mod row;
mod scene;
mod traced;
mod truth;

use row::Row;

pub(crate) fn cases() -> Vec<Case> {
    [
        scene::cases(),
        first_drop::cases(),
        owner::cases(),
        rights::cases(),
        crowd::cases(),
        traced::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What `syndrop listeners --json` wrote.
#[derive(Debug)]
struct Listed {
    rows: Vec<Row>,
    stderr: Vec<String>,
}

impl Listed {
    /// Runs it with further arguments, where the calling thread is.
    fn here(arguments: &[&str]) -> Result<Self> {
        let arguments = [&["listeners", "--json"], arguments].concat();
        Self::read(&Process::start(command(&arguments))?.wait()?)
    }

    fn read(ending: &Ending) -> Result<Self> {
        ending.ensure_code(0)?;
        let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        let rows = ending.stdout.lines().map(parse).collect::<Result<_>>()?;
        Ok(Self { rows, stderr: ending.stderr.clone() })
    }

    /// Fails if it had anything to complain about.
    fn ensure_quiet(&self) -> Result<()> {
        ensure!(self.stderr.is_empty(), "complains: {:?}", self.stderr);
        Ok(())
    }

    /// The only row of this inode.
    fn of(&self, inode: impl Into<Option<u64>>) -> Result<&Row> {
        let inode = inode.into().context("the listener is closed")?;
        let mut rows = self.rows.iter().filter(|row| row.inode == Some(inode));
        match (rows.next(), rows.next()) {
            (Some(row), None) => Ok(row),
            (None, _) => bail!("no row of inode {inode} in {:?}", self.rows),
            _ => bail!("several rows of inode {inode} in {:?}", self.rows),
        }
    }

    /// Bound addresses by inode: fails if one is there twice.
    fn bound(&self) -> Result<BTreeMap<u64, SocketAddr>> {
        let mut found = BTreeMap::new();
        for row in &self.rows {
            let inode = row.inode.with_context(|| format!("no inode: {row:?}"))?;
            let bound = row.bound.with_context(|| format!("no address: {row:?}"))?;
            ensure!(found.insert(inode, bound.into()).is_none(), "twice: {row:?}");
        }
        Ok(found)
    }
}
