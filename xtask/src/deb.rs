//! Debian packages: what the lists say of them, which of two is newer, how to unpack one.
use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};

/// One version of a package, as the mirror's lists describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Size of the download in bytes.
    pub(crate) size: u64,
}

/// The packages of `apt-cache show`'s stanzas; one that lacks a field we need is left out.
pub(crate) fn parse_stanzas(text: &str) -> Vec<Package> {
    let stanza = |stanza: &str| {
        let field = |name: &str| {
            let mut lines = stanza.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        Some(Package {
            name: field("Package")?.to_owned(),
            version: field("Version")?.to_owned(),
            size: field("Size")?.parse().ok()?,
        })
    };
    text.split("\n\n").filter_map(stanza).collect()
}

/// The newest of the packages.
pub(crate) fn newest<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Option<&'a Package> {
    let order = |a: &&Package, b: &&Package| compare_versions(&a.version, &b.version);
    packages.into_iter().max_by(order)
}

/// The order of Debian Policy 5.6.12: epoch, upstream version, revision.
pub(crate) fn compare_versions(a: &str, b: &str) -> Ordering {
    let split = |version: &str| -> (u64, String, String) {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        (epoch.parse().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (split(a), split(b));
    a.0.cmp(&b.0)
        .then_with(|| compare_parts(a.1.as_bytes(), b.1.as_bytes()))
        .then_with(|| compare_parts(a.2.as_bytes(), b.2.as_bytes()))
}

fn compare_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let order = compare_text(&mut a, &mut b).then_with(|| compare_number(&mut a, &mut b));
        if order.is_ne() || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

/// Compares what stands before the next digit: `~` before the end, the end before letters,
/// letters before the rest.
fn compare_text(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    fn weight(byte: Option<&u8>) -> i32 {
        match byte {
            Some(b'~') => -1,
            None => 0,
            Some(digit) if digit.is_ascii_digit() => 0,
            Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
            Some(other) => i32::from(*other) + 256,
        }
    }
    loop {
        let (x, y) = (weight(a.first()), weight(b.first()));
        if x != y || x == 0 {
            return x.cmp(&y);
        }
        (*a, *b) = (&a[1..], &b[1..]);
    }
}

fn compare_number(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    fn take<'a>(text: &mut &'a [u8]) -> &'a [u8] {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = text.split_at(digits);
        *text = rest;
        let zeros = number.iter().take_while(|byte| **byte == b'0').count();
        &number[zeros..]
    }
    let (x, y) = (take(a), take(b));
    x.len().cmp(&y.len()).then_with(|| x.cmp(y))
}

/// Unpacks the files of a `.deb` into `dir`, into the directories that links there stand for.
///
/// `dpkg-deb -x` would replace such links. The files belong to whoever unpacks them, and none keeps
/// a set-user-id bit. With `member` only that directory of the package is unpacked.
pub(crate) fn unpack(deb: &Path, dir: &Path, member: Option<&str>) -> Result<()> {
    let failed = || format!("failed to unpack {}", deb.display());
    fs::create_dir_all(dir).with_context(failed)?;
    let mut reader = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(failed)?;
    let archive = reader.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let unpacked = Command::new("tar")
        .args(["-x", "--keep-directory-symlink"])
        .args(["--no-same-owner", "--no-same-permissions", "-C"])
        .arg(dir)
        .args(member)
        .stdin(archive)
        .output()
        .with_context(failed)?;
    let read = reader.wait().with_context(failed)?;
    if !read.success() || !unpacked.status.success() {
        let said = String::from_utf8_lossy(&unpacked.stderr);
        return Err(anyhow!("{}", said.trim())).with_context(failed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_does() {
        // Each is newer than the one before it.
        let rising = [
            "0.9-1",
            "5.10.218-1",
            "5.10.262-1",
            "6.1.9-1",
            "6.1.192-1",
            "6.1.192-2",
            "6.12.117-1~deb12u1",
            "6.12.117-1",
            "6.12.117-1+b1",
            "7.3~rc7-1~exp1",
            "7.3~rc7-1",
            "7.3-1",
            "7.3.4-1~bpo13+1",
            "7.3.4a-1",
            "7.3.4+b-1",
            "1:0.1-1",
        ];
        for (at, older) in rising.iter().enumerate() {
            assert_eq!(compare_versions(older, older), Ordering::Equal);
            for newer in &rising[at + 1..] {
                assert_eq!(compare_versions(older, newer), Ordering::Less, "{older} {newer}");
                assert_eq!(compare_versions(newer, older), Ordering::Greater, "{older} {newer}");
            }
        }
        assert_eq!(compare_versions("1.02-1", "1.2-01"), Ordering::Equal);
        assert_eq!(compare_versions("1.2", "1.2-0"), Ordering::Equal);
    }

    #[test]
    fn stanzas_give_name_version_and_size() {
        let text = "Package: a\nVersion: 1:2-3\nInstalled-Size: 9\nSize: 120\n\n\
                    Package: no-size\nVersion: 1\n\n\
                    Package: b\nSize: 7\nVersion: 4\nDescription: x\n More: y\n";
        let package = |name: &str, version: &str, size| Package {
            name: name.into(),
            version: version.into(),
            size,
        };
        let expected = vec![package("a", "1:2-3", 120), package("b", "4", 7)];
        assert_eq!(parse_stanzas(text), expected);
        let (older, newer) = (package("x", "2.9-1", 1), package("x", "2.10-1", 1));
        assert_eq!(newest(&[newer.clone(), older]), Some(&newer));
    }
}
