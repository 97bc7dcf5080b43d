//! What the committed object was made of: digests of itself and of its sources, versions of the
//! tools. Enough to see without any BPF toolchain that somebody forgot to rebuild.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BPF_LINKER, MANIFEST, OBJECT, PACKAGE, REMEDY, Rust};

/// Dependencies whose code ends up in the object.
const CRATES: [&str; 2] = ["aya-ebpf", "aya-log-ebpf"];

/// The content of `MANIFEST.toml`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Manifest {
    /// SHA-256 of the object.
    object: String,
    tools: Tools,
    /// Version of each dependency.
    crates: BTreeMap<String, String>,
    /// SHA-256 of each source file.
    sources: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Tools {
    rustc: String,
    llvm: String,
    bpf_linker: String,
}

impl Manifest {
    pub(super) fn describe(root: &Path, object: &[u8], rust: &Rust) -> Result<Self> {
        Ok(Self {
            object: digest(object),
            tools: Tools {
                rustc: rust.release.clone(),
                llvm: rust.llvm.clone(),
                bpf_linker: BPF_LINKER.to_owned(),
            },
            crates: locked(&read(&root.join("Cargo.lock"))?)?,
            sources: sources(root)?,
        })
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        toml::from_str(&read(path)?)
            .with_context(|| format!("failed to understand {}: {REMEDY}", path.display()))
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let body = toml::to_string(self).context("failed to write the manifest")?;
        Ok(format!("# Written by `cargo xtask bpf`: what syndrop.bpf.o was made of.\n{body}"))
    }

    /// Other tools give other bytes; that is no staleness, and a rebuild to compare is no use.
    pub(super) fn same_tools(&self, rust: &Rust) -> Result<()> {
        if self.tools.rustc != rust.release {
            bail!(
                "{OBJECT} was built with rustc {0}, this is {1}: use {0} to check it, or {REMEDY}",
                self.tools.rustc,
                rust.release
            );
        }
        if self.tools.bpf_linker != BPF_LINKER {
            bail!(
                "{OBJECT} was linked with bpf-linker {}, now it is {BPF_LINKER}: {REMEDY}",
                self.tools.bpf_linker
            );
        }
        Ok(())
    }

    /// Compares every digest and version with the tree.
    pub(super) fn verify(&self, root: &Path) -> Result<()> {
        let object = root.join(OBJECT);
        let object = fs::read(&object)
            .with_context(|| format!("failed to read {}: {REMEDY}", object.display()))?;
        let mut changed = self.changed(
            &digest(&object),
            &locked(&read(&root.join("Cargo.lock"))?)?,
            &sources(root)?,
        );
        if changed.is_empty() {
            return Ok(());
        }
        changed.sort();
        bail!("{MANIFEST} does not fit {}: {REMEDY}", changed.join(", "))
    }

    fn changed(
        &self,
        object: &str,
        crates: &BTreeMap<String, String>,
        sources: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let mut changed = differing(&self.sources, sources);
        changed.extend(differing(&self.crates, crates));
        if self.object != object {
            changed.push(OBJECT.to_owned());
        }
        changed
    }
}

/// The keys that only one of the maps has, or whose values differ.
fn differing(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let absent = |key: &&String| !a.contains_key(*key);
    let other = a.iter().filter(|(key, value)| b.get(*key) != Some(value)).map(|(key, _)| key);
    other.chain(b.keys().filter(absent)).cloned().collect()
}

/// Every file of the package with its digest, named from the root of the workspace.
fn sources(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.join(PACKAGE)];
    while let Some(dir) = dirs.pop() {
        let failed = || format!("failed to list {}", dir.display());
        for file in fs::read_dir(&dir).with_context(failed)? {
            let path = file.with_context(failed)?.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let content =
                fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            found.insert(name, digest(&content));
        }
    }
    Ok(found)
}

/// The versions of [`CRATES`] in a lockfile.
fn locked(lockfile: &str) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Lockfile {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lockfile: Lockfile = toml::from_str(lockfile).context("failed to understand Cargo.lock")?;
    let ours =
        lockfile.package.into_iter().filter(|package| CRATES.contains(&package.name.as_str()));
    Ok(ours.map(|package| (package.name, package.version)).collect())
}

fn digest(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}: {REMEDY}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    fn manifest() -> Manifest {
        Manifest {
            object: "0a".into(),
            tools: Tools {
                rustc: "1.95.0".into(),
                llvm: "22.1.2".into(),
                bpf_linker: BPF_LINKER.into(),
            },
            crates: map(&[("aya-ebpf", "0.2.1")]),
            sources: map(&[("p/a.rs", "01"), ("p/b.rs", "02")]),
        }
    }

    #[test]
    fn text_and_back() {
        let text = manifest().to_text().unwrap();
        assert!(text.starts_with('#') && text.contains("\"p/a.rs\" = \"01\""), "{text}");
        assert_eq!(toml::from_str::<Manifest>(&text).unwrap(), manifest());
    }

    #[test]
    fn whatever_differs_is_named() {
        let manifest = manifest();
        let crates = map(&[("aya-ebpf", "0.2.1")]);
        assert_eq!(manifest.changed("0a", &crates, &manifest.sources), [""; 0]);
        let sources = map(&[("p/b.rs", "03"), ("p/c.rs", "04")]);
        let crates = map(&[("aya-ebpf", "0.2.2")]);
        let expected = ["p/a.rs", "p/b.rs", "p/c.rs", "aya-ebpf", OBJECT];
        assert_eq!(manifest.changed("0b", &crates, &sources), expected);
    }

    #[test]
    fn another_compiler_is_said_plainly() {
        let rust = |release: &str| Rust::for_test(release);
        manifest().same_tools(&rust("1.95.0")).unwrap();
        let error = manifest().same_tools(&rust("1.96.0")).unwrap_err().to_string();
        assert!(error.contains("1.95.0") && error.contains("1.96.0"), "{error}");
    }

    #[test]
    fn the_lockfile_gives_the_versions_of_our_crates_only() {
        let lock = "version = 4\n[[package]]\nname = \"aya\"\nversion = \"0.14.0\"\n\
                    [[package]]\nname = \"aya-ebpf\"\nversion = \"0.2.1\"\n";
        assert_eq!(locked(lock).unwrap(), map(&[("aya-ebpf", "0.2.1")]));
        locked("no lockfile").unwrap_err();
    }

    #[test]
    fn digests_are_sha256_in_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }
}
