//! Which Debian archive this machine uses.
//!
//! No host name is written here: apt is asked what it would fetch, and whatever looks like a Debian
//! suite there is a candidate. A wrong guess costs a refused signature, never a wrong package.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Where `debian-archive-keyring` puts the keys, newest habit first.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// Codenames and their aliases.
const RELEASES: [&str; 13] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "experimental",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
    "rc-buggy",
];

/// The machine's own view of Debian's archive.
#[derive(Debug)]
pub(crate) struct Mirror {
    sources: Vec<Source>,
    pub(crate) keyring: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    base: String,
    suite: String,
}

impl Mirror {
    /// Asks the machine's apt; says what is missing where there is none or not Debian's.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let mut ask = Command::new("apt-get");
        ask.args(["update", "--print-uris"]).env("LC_ALL", "C");
        let printed = command::read(&mut ask)
            .context("nothing can be fetched: this machine has no working apt")?;
        let sources = parse_uris(&printed);
        if sources.is_empty() {
            bail!("nothing can be fetched: no Debian suite is among the sources of apt");
        }
        let keyring = KEYRINGS.iter().map(PathBuf::from).find(|path| path.exists());
        let Some(keyring) = keyring else {
            bail!("nothing can be fetched: {} is missing", KEYRINGS[1]);
        };
        Ok(Self { sources, keyring })
    }

    /// The URIs under which `suite` may be found, likeliest first.
    pub(crate) fn candidates(&self, suite: &str) -> Vec<String> {
        let security = suite.ends_with("-security");
        let exact = self.sources.iter().filter(|source| source.suite == suite);
        let alike =
            self.sources.iter().filter(|source| source.suite.ends_with("-security") == security);
        let mut bases: Vec<String> = exact.chain(alike).map(|source| source.base.clone()).collect();
        if security {
            let derived = |source: &Source| {
                Some(format!("{}debian-security", source.base.strip_suffix("debian")?))
            };
            bases.extend(self.sources.iter().filter_map(derived));
        }
        let mut seen = Vec::new();
        bases.retain(|base| {
            !seen.contains(base) && {
                seen.push(base.clone());
                true
            }
        });
        bases
    }

    /// The suites of the release that this machine runs: programs for it come from there.
    pub(crate) fn own_suites(&self) -> Vec<String> {
        let plain = |source: &&Source| RELEASES.contains(&source.suite.as_str());
        let release = self.sources.iter().find(plain);
        let release = release.map_or(release_of(&self.sources[0].suite), |source| &source.suite);
        let mut suites = vec![release.to_owned()];
        if !["sid", "unstable"].contains(&release) {
            suites.push(format!("{release}-security"));
        }
        suites
    }
}

fn parse_uris(printed: &str) -> Vec<Source> {
    let source = |line: &str| {
        let uri = line.strip_prefix('\'')?.split('\'').next()?;
        let (base, suite) = uri.strip_suffix("/InRelease")?.rsplit_once("/dists/")?;
        RELEASES
            .contains(&release_of(suite))
            .then(|| Source { base: base.to_owned(), suite: suite.to_owned() })
    };
    printed.lines().filter_map(source).collect()
}

/// `bookworm` of `bookworm-updates`; `bookworm-pgdg` is nothing of Debian's.
fn release_of(suite: &str) -> &str {
    let pockets = ["-security", "-updates", "-backports", "-backports-sloppy", "-proposed-updates"];
    pockets.iter().find_map(|pocket| suite.strip_suffix(pocket)).unwrap_or(suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
'http://apt.example/linux/dists/bookworm-pgdg/InRelease' apt.example_x 0 \n\
'http://m.example/debian/dists/bookworm/InRelease' m.example_debian_dists_bookworm_InRelease 0 \n\
'http://m.example/debian/dists/bookworm-updates/InRelease' m.example_y 0 \n\
'http://m.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' m.example_z 0 \n\
'https://flat.example/./InRelease' flat.example 0 \n";

    fn mirror(printed: &str) -> Mirror {
        Mirror { sources: parse_uris(printed), keyring: PathBuf::new() }
    }

    #[test]
    fn only_debian_suites_count() {
        let suites: Vec<String> =
            parse_uris(PRINTED).into_iter().map(|source| source.suite).collect();
        assert_eq!(suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(parse_uris(""), []);
    }

    #[test]
    fn the_security_archive_is_derived_when_unknown() {
        let mirror = mirror(PRINTED);
        assert_eq!(mirror.candidates("trixie"), ["http://m.example/debian"]);
        assert_eq!(mirror.candidates("trixie-security"), ["http://m.example/debian-security"]);
    }

    #[test]
    fn the_configured_security_archive_comes_first() {
        let security = "'http://s.example/sec/dists/bookworm-security/InRelease' s 0 \n";
        let mirror = mirror(&format!("{PRINTED}{security}"));
        assert_eq!(
            mirror.candidates("bullseye-security"),
            ["http://s.example/sec", "http://m.example/debian-security"]
        );
        assert_eq!(mirror.candidates("sid"), ["http://m.example/debian"]);
    }

    #[test]
    fn a_source_that_has_the_suite_comes_before_others() {
        let other = "'http://o.example/debian/dists/trixie/InRelease' o 0 \n";
        let mirror = mirror(&format!("{PRINTED}{other}"));
        assert_eq!(
            mirror.candidates("trixie"),
            ["http://o.example/debian", "http://m.example/debian"]
        );
    }

    #[test]
    fn programs_come_from_the_machines_release() {
        assert_eq!(mirror(PRINTED).own_suites(), ["bookworm", "bookworm-security"]);
        let sid = "'http://m.example/debian/dists/sid/InRelease' m 0 \n";
        assert_eq!(mirror(sid).own_suites(), ["sid"]);
    }
}
