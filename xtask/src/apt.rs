//! Packages from the machine's Debian mirror, without touching the machine's apt.
//!
//! apt itself fetches and checks everything (signatures of the lists, digests of the packages), but
//! with a state of its own in the cache: own lists, own empty dpkg status, own sources. Nothing is
//! installed, no root is needed.
mod state;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::state::{State, tool, updated};
use crate::deb::{self, Package};
use crate::mirror::Mirror;
use crate::{cache, command};

/// How long the lists of a suite are good without a look at the mirror.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Some suites, ready to be searched. The state is locked while this exists.
pub(crate) struct Apt {
    config: PathBuf,
    _lock: File,
}

/// Runs `work` over each of the suites until it succeeds.
pub(crate) fn in_first<T>(suites: &[&str], work: impl Fn(&Apt) -> Result<T>) -> Result<T> {
    let mirror = Mirror::of_this_machine()?;
    let mut failures = Vec::new();
    for suite in suites {
        match with(&mirror, &[suite], &work) {
            Ok(done) => return Ok(done),
            Err(error) => failures.push(format!("{suite}: {error:#}")),
        }
    }
    bail!("{}", failures.join("\n"))
}

/// Runs `work` over the suites of the release that this machine runs.
pub(crate) fn in_own_release<T>(work: impl Fn(&Apt) -> Result<T>) -> Result<T> {
    let mirror = Mirror::of_this_machine()?;
    let suites = mirror.own_suites();
    let suites: Vec<&str> = suites.iter().map(String::as_str).collect();
    with(&mirror, &suites, work)
}

/// Runs `work` over all of `suites`; when it fails on lists of yesterday, once more on new ones.
fn with<T>(mirror: &Mirror, suites: &[&str], work: impl Fn(&Apt) -> Result<T>) -> Result<T> {
    let apt = Apt::open(mirror, suites, FRESH)?;
    work(&apt).or_else(|error| {
        if suites.iter().all(|suite| updated(suite)) {
            return Err(error);
        }
        // It holds the lock that the next one wants.
        drop(apt);
        work(&Apt::open(mirror, suites, Duration::ZERO)?)
    })
}

impl Apt {
    fn open(mirror: &Mirror, suites: &[&str], fresh: Duration) -> Result<Self> {
        let lock = cache::lock("apt")?;
        let state = State { root: cache::dir()?.join("apt"), mirror };
        let mut sources = Vec::new();
        let mut missing = Vec::new();
        for suite in suites {
            match state.source(suite, fresh) {
                Ok(source) => sources.push(source),
                Err(error) => missing.push(format!("{error:#}")),
            }
        }
        if sources.is_empty() {
            bail!("{}", missing.join("\n"));
        }
        for missing in &missing {
            eprintln!("going on without a suite: {missing}");
        }
        let config = state.configure(&suites.join("+"), &sources)?;
        Ok(Self { config, _lock: lock })
    }

    /// Every version of every package whose name starts with `prefix` and that `wanted` takes.
    pub(crate) fn search(
        &self,
        prefix: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Package>> {
        let names = command::read(self.tool("apt-cache").args(["pkgnames", prefix]))?;
        let names: Vec<&str> = names.lines().filter(|name| wanted(name)).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let shown = command::output(self.tool("apt-cache").arg("show").args(names))?;
        // A name that exists only as a dependency makes the exit status bad; the rest is printed.
        Ok(deb::parse_stanzas(&String::from_utf8_lossy(&shown.stdout)))
    }

    /// Downloads these packages, and no others, into the new directory `dir`.
    pub(crate) fn download(&self, packages: &[Package], dir: &Path) -> Result<Vec<PathBuf>> {
        for Package { name, version, size } in packages {
            eprintln!("fetching {name} {version} ({})", megabytes(*size));
        }
        let wanted =
            packages.iter().map(|Package { name, version, .. }| format!("{name}={version}"));
        create_anew(dir)?;
        let mut get = self.tool("apt-get");
        command::read(get.arg("download").args(wanted).current_dir(dir))?;
        debs_in(dir)
    }

    /// Downloads the newest of these packages and all that they depend on into the new `dir`.
    pub(crate) fn download_closure(&self, names: &[&str], dir: &Path) -> Result<Vec<PathBuf>> {
        // apt wants the directory below to be there.
        create_anew(dir)?;
        create_anew(&dir.join("partial"))?;
        let install = || {
            let mut get = self.tool("apt-get");
            get.arg("-o").arg(format!("Dir::Cache::archives={}", dir.display()));
            get.args(["install", "--no-install-recommends", "-y"]);
            get
        };
        let planned = command::read(install().args(["-qq", "--print-uris"]).args(names))?;
        let (count, size) = planned_download(&planned);
        eprintln!("fetching {} ({count} packages, {})", names.join(", "), megabytes(size));
        command::read(install().args(["-q", "--download-only"]).args(names))?;
        debs_in(dir)
    }

    fn tool(&self, name: &str) -> Command {
        tool(name, &self.config)
    }
}

/// What an earlier try left behind must not be taken for what was asked for now.
fn create_anew(dir: &Path) -> Result<()> {
    cache::remove(dir)?;
    fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))
}

fn debs_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("failed to list {}", dir.display());
    let mut debs = Vec::new();
    for file in fs::read_dir(dir).with_context(failed)? {
        let path = file.with_context(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            debs.push(path);
        }
    }
    debs.sort();
    Ok(debs)
}

/// Number and bytes of the lines `'URI' FILE SIZE DIGEST` of apt's plan.
fn planned_download(plan: &str) -> (usize, u64) {
    let size = |line: &str| line.strip_prefix('\'')?.split(' ').nth(2)?.parse::<u64>().ok();
    plan.lines().filter_map(size).fold((0, 0), |(count, sum), size| (count + 1, sum + size))
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_gives_number_and_size() {
        let plan = "'http://m.example/a_1.deb' a_1.deb 120 SHA256:00\n\
                    'http://m.example/b%2b_2.deb' b_2.deb 30 \n\
                    NOTE: something else\n";
        assert_eq!(planned_download(plan), (2, 150));
    }

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(megabytes(0), "0.0 MB");
        assert_eq!(megabytes(1), "0.1 MB");
        assert_eq!(megabytes(34_650_001), "34.7 MB");
    }
}
