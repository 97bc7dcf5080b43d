//! Arguments of `syndrop report`.

use std::path::PathBuf;

use clap::Args;

use super::Filter;

pub(super) const EXAMPLES: &str = "\
Examples:
  syndrop -d 1h --notices client-recovered,client-gone --json -o drops.json
  syndrop report drops.json -o incident.html     what it tells, as a page
  syndrop report drops.json -P 443 -o 443.html   the same of one port
  ssh web1 cat drops.json | syndrop report - > incident.html

Without notices the page cannot tell who got in late, who never did, and how long they waited.";

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// What `syndrop trace --json` wrote; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Write the page to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// What is shown.
    #[command(flatten)]
    pub filter: Filter,
}
