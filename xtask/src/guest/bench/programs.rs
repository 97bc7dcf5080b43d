//! What each BPF program of a process took, by the kernel's own measure.
//!
//! The kernel tells it by descriptor and by tag, but the name only in its list of symbols, which
//! has every program as `bpf_prog_TAG_NAME`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use boundary::bench::Program;

use super::setting;

/// Runs and nanoseconds by the program's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stats(BTreeMap<String, (u64, u64)>);

/// Has the kernel measure them from now on.
pub(crate) fn measure() -> Result<()> {
    setting::set("kernel/bpf_stats_enabled", "1")
}

impl Stats {
    /// Of all programs to which the process has a descriptor.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let symbols = fs::read_to_string("/proc/kallsyms").context("failed to read symbols")?;
        let names = names(&symbols);
        let directory = format!("/proc/{pid}/fdinfo");
        let mut stats = BTreeMap::new();
        let entries =
            fs::read_dir(&directory).with_context(|| format!("failed to list {directory}"))?;
        for entry in entries.flatten() {
            // A descriptor may be closed meanwhile.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            let Some(tag) = field(&text, "prog_tag:") else { continue };
            let number = |name| field(&text, name).and_then(|value| value.parse().ok());
            let (Some(time), Some(runs)) = (number("run_time_ns:"), number("run_cnt:")) else {
                continue;
            };
            // Two programs may be alike, and the same one may be held twice.
            let id = field(&text, "prog_id:").unwrap_or_default();
            let name = names.get(tag).map_or(tag, String::as_str);
            stats.insert(format!("{name}#{id}"), (runs, time));
        }
        Ok(Self(stats))
    }

    /// What was added since, without those that did not run.
    pub(crate) fn since(&self, before: &Self) -> Vec<Program> {
        let program = |(name, &(runs, time)): (&String, &(u64, u64))| {
            let (runs_before, time_before) = before.0.get(name).copied().unwrap_or_default();
            let name = name.split('#').next().unwrap_or(name).to_owned();
            let program = Program { name, runs: runs - runs_before, time: time - time_before };
            (program.runs > 0).then_some(program)
        };
        self.0.iter().filter_map(program).collect()
    }
}

/// Names by tag. Programs with the same code have the same tag, and cannot be told apart here.
fn names(symbols: &str) -> BTreeMap<&str, String> {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let symbols = symbols
        .lines()
        .filter_map(|line| line.split(' ').nth(2)?.split('\t').next())
        .filter_map(|symbol| symbol.strip_prefix("bpf_prog_")?.split_once('_'));
    for (tag, name) in symbols {
        let known = names.entry(tag).or_default();
        if !known.is_empty() {
            known.push('/');
        }
        known.push_str(name);
    }
    names
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_give_names_of_tags() {
        let symbols = "ffffffffc0 t bpf_prog_0123456789abcdef_route_v4\t[bpf]\n\
                       ffffffffc4 t bpf_prog_0123456789abcdef_route_v6\t[bpf]\nffff t other\n";
        let names = names(symbols);
        assert_eq!(names.get("0123456789abcdef").map(String::as_str), Some("route_v4/route_v6"));
    }
}
