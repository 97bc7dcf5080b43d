//! Our own apt state in the cache: which lists it has, how old they are, how apt is told of it.
//!
//! Each suite has its own update, so that one that the mirror does not have costs only what must
//! come from it; the lists themselves are shared.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};

use crate::mirror::Mirror;
use crate::{cache, command};

/// Suites that this process has updated: a second try would change nothing.
static UPDATED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Where our apt keeps its state.
pub(super) struct State<'a> {
    pub(super) root: PathBuf,
    pub(super) mirror: &'a Mirror,
}

impl State<'_> {
    /// The sources line of a suite whose lists are there, updated if they are older than `fresh`.
    pub(super) fn source(&self, suite: &str, fresh: Duration) -> Result<String> {
        let stamp = self.root.join("suites").join(suite);
        let candidates = self.mirror.candidates(suite);
        let known = fs::read_to_string(&stamp).ok().filter(|base| candidates.contains(base));
        if let Some(base) = &known {
            let age = fs::metadata(&stamp)
                .and_then(|data| data.modified())
                .map_or(Duration::MAX, |time| {
                    SystemTime::now().duration_since(time).unwrap_or_default()
                });
            if age < fresh || updated(suite) {
                return Ok(self.line(base, suite));
            }
        }
        let mut failure = anyhow!("no source of apt can have {suite}");
        for base in candidates {
            eprintln!("reading the package list of {suite}");
            match self.update(&base, suite) {
                Ok(()) => {
                    cache::write(&stamp, base.as_bytes())?;
                    mark_updated(suite);
                    return Ok(self.line(&base, suite));
                }
                Err(error) => failure = error,
            }
        }
        if let Some(base) = known {
            eprintln!(
                "the package list of {suite} could not be renewed, using the old one: {failure:#}"
            );
            mark_updated(suite);
            return Ok(self.line(&base, suite));
        }
        Err(failure)
    }

    fn update(&self, base: &str, suite: &str) -> Result<()> {
        let config = self.configure(suite, &[self.line(base, suite)])?;
        command::read(tool("apt-get", &config).args(["-q", "update"]))
            .with_context(|| format!("failed to read the package list of {suite} from {base}"))?;
        Ok(())
    }

    /// Only the package list itself is wanted: no translations, no icons, no differences.
    fn line(&self, base: &str, suite: &str) -> String {
        let keyring = self.mirror.keyring.display();
        format!(
            "deb [arch=amd64 target=Packages lang=none pdiffs=no signed-by={keyring}] {base} {suite} main\n"
        )
    }

    /// Writes the configuration for a set of suites.
    pub(super) fn configure(&self, set: &str, sources: &[String]) -> Result<PathBuf> {
        let dir = self.root.join("sets").join(set);
        for needed in [dir.join("archives/partial"), self.root.join("lists/partial")] {
            fs::create_dir_all(&needed)
                .with_context(|| format!("failed to create {}", needed.display()))?;
        }
        cache::write(&self.root.join("status"), b"")?;
        cache::write(&dir.join("sources.list"), sources.concat().as_bytes())?;
        let config = dir.join("apt.conf");
        let is_root = rustix::process::geteuid().is_root();
        cache::write(&config, configuration(&self.root, &dir, is_root).as_bytes())?;
        Ok(config)
    }
}

/// What differs from the machine's own configuration, which still gives proxies and credentials.
fn configuration(root: &Path, set: &Path, is_root: bool) -> String {
    let (root, set) = (root.display(), set.display());
    // The lists are ours: apt must not want to hand them to its own user.
    let sandbox = if is_root { "APT::Sandbox::User \"root\";\n" } else { "" };
    format!(
        r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear APT::Default-Release;
{sandbox}APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Get::AllowUnauthenticated "false";
APT::Get::List-Cleanup "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::sourcelist "{set}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{root}";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{set}";
Dir::Cache::archives "{set}/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
"#
    )
}

pub(super) fn tool(name: &str, config: &Path) -> Command {
    let mut command = Command::new(name);
    command.arg("-c").arg(config).env("LC_ALL", "C");
    command
}

pub(super) fn updated(suite: &str) -> bool {
    UPDATED.lock().is_ok_and(|updated| updated.contains(suite))
}

fn mark_updated(suite: &str) {
    if let Ok(mut updated) = UPDATED.lock() {
        updated.insert(suite.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_stay_on_whatever_the_machine_says() {
        let (root, set) = (Path::new("/c/apt"), Path::new("/c/apt/sets/s"));
        let user = configuration(root, set, false);
        for refused in [
            "APT::Get::AllowUnauthenticated",
            "Acquire::AllowInsecureRepositories",
            "Acquire::AllowWeakRepositories",
            "Acquire::AllowDowngradeToInsecureRepositories",
        ] {
            assert!(user.contains(&format!("{refused} \"false\";\n")), "{refused}");
        }
        assert!(!user.contains("Sandbox"));
        assert!(configuration(root, set, true).contains("APT::Sandbox::User \"root\";\n"));
    }
}
