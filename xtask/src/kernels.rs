//! Stock Debian kernels for the guests: which series there are, where their packages come from.
//!
//! A package name lives only until the next upload, so a row names a series and suites, and the
//! newest package of the series is taken.
mod choice;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use self::choice::{Choice, choose};
use crate::apt::{self, Apt};
use crate::deb::{self, Package};
use crate::{bzimage, cache};

/// A row of the table.
pub(crate) struct Series {
    /// The first two numbers of the version.
    pub(crate) name: &'static str,
    /// Searched in this order; the first that has the series gives the kernel. The short lists of
    /// the security and backports suites come first: they are quick to read, and newer.
    pub(crate) suites: &'static [&'static str],
    /// Why the series is in the table.
    pub(crate) note: &'static str,
}

const BACKPORTS: &[&str] = &["trixie-backports", "sid"];

/// Every series that Debian carries, oldest first. `-rt` behind a name means the realtime flavour.
pub(crate) const KERNELS: &[Series] = &[
    Series {
        name: "5.10",
        suites: &["bullseye-security", "bullseye"],
        note: "bullseye; the oldest that has all that the probes need",
    },
    Series { name: "6.1", suites: &["bookworm-security", "bookworm"], note: "bookworm" },
    Series {
        name: "6.12",
        suites: &["trixie-security", "trixie"],
        note: "trixie, the stable release",
    },
    Series { name: "6.16", suites: BACKPORTS, note: "between two stable releases" },
    Series { name: "6.17", suites: BACKPORTS, note: "between two stable releases" },
    Series {
        name: "6.18",
        suites: BACKPORTS,
        note: "longterm upstream; the last that is one package",
    },
    Series { name: "6.19", suites: BACKPORTS, note: "split; the archive may hold the image only" },
    Series { name: "7.0", suites: BACKPORTS, note: "split; the archive may hold the image only" },
    Series { name: "7.1", suites: BACKPORTS, note: "split; the archive may hold the image only" },
    Series { name: "7.2", suites: BACKPORTS, note: "the one before the newest" },
    Series { name: "7.3", suites: BACKPORTS, note: "the newest" },
];

/// What the demo boots: the kernel of the stable release.
pub(crate) const DEFAULT: &str = "6.12";

/// What the tests boot: each stable release, the longterm after them, and the newest; those that
/// take longest first.
pub(crate) const DEFAULT_MATRIX: &[&str] = &["6.12", "6.18", "6.1", "5.10", "7.3"];

/// And only for the table of reasons by kernel: the one before the newest.
pub(crate) const FOR_BRANCHES: &[&str] = &["7.2"];

/// What figures are taken on: the stable release, and the newest.
pub(crate) const FOR_BENCH: &[&str] = &["6.12", "7.3"];

/// A kernel that can be booted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kernel {
    /// The name that was asked for, such as `6.12` or `6.12-rt`.
    pub(crate) series: String,
    /// What `uname -r` says in the guest.
    pub(crate) release: String,
    /// The `vmlinuz` file.
    pub(crate) image: PathBuf,
    /// The directory `lib/modules/RELEASE`; `None` where the archive keeps none any more.
    pub(crate) modules: Option<PathBuf>,
    /// Package and version it came from, for reports.
    pub(crate) package: String,
}

/// The kernel of a series, from the cache or from the mirror.
///
/// What is in the cache is used as it is, without a look at the network; `SYNDROP_REFRESH=1` in the
/// environment fetches the newest of the series.
pub(crate) fn fetch(series: &str) -> Result<Kernel> {
    let (row, flavour) = find(series)?;
    let name = format!("kernels/{series}");
    let fill = |dir: &Path| {
        let unpack = |apt: &Apt| unpack_newest(apt, row.name, flavour, dir);
        describe(series, &apt::in_first(row.suites, unpack)?, dir)
    };
    let dir = if cache::refresh_wanted() {
        cache::renewed(&name, fill)
    } else {
        cache::entry(&name, fill)
    };
    let dir = dir.with_context(|| {
        format!(
            "failed to get a {series} kernel from Debian's packages \
             (`--kernel-image PATH --modules DIR` takes one that you have)"
        )
    })?;
    load(&dir)
}

/// A kernel that the user has; `modules` is `lib/modules/RELEASE` or the directory above it.
pub(crate) fn from_paths(image: &Path, modules: Option<&Path>) -> Result<Kernel> {
    let release = bzimage::release(image)?;
    let modules = match modules {
        Some(dir) if dir.join(&release).is_dir() => Some(dir.join(&release)),
        Some(dir) if dir.join("kernel").is_dir() => Some(dir.to_owned()),
        Some(dir) => bail!(
            "failed to find the modules of {release} in {}: give the directory lib/modules/{release}",
            dir.display()
        ),
        None => None,
    };
    Ok(Kernel {
        series: release.clone(),
        release,
        image: image.to_owned(),
        modules,
        package: image.display().to_string(),
    })
}

/// The row of a name, and the flavour that the name means.
fn find(series: &str) -> Result<(&'static Series, &'static str)> {
    let (name, flavour) = match series.strip_suffix("-rt") {
        Some(name) => (name, "rt"),
        None => (series, "cloud"),
    };
    let Some(row) = KERNELS.iter().find(|row| row.name == name) else {
        let known: Vec<&str> = KERNELS.iter().map(|row| row.name).collect();
        bail!("no kernel series `{series}`: there are {} (and each with -rt)", known.join(", "));
    };
    Ok((row, flavour))
}

/// Unpacks the newest kernel of the series into `dir/root`.
fn unpack_newest(apt: &Apt, series: &str, flavour: &str, dir: &Path) -> Result<Choice> {
    let ending = format!("-{flavour}-amd64");
    let mut packages = Vec::new();
    for prefix in ["linux-image-", "linux-binary-", "linux-modules-"] {
        packages.extend(apt.search(prefix, |name| name.ends_with(&ending))?);
    }
    let Some(choice) = choose(series, flavour, &packages) else {
        bail!("no {series} kernel of flavour {flavour} there");
    };
    let debs = dir.join("debs");
    let root = dir.join("root");
    cache::remove(&root)?;
    for deb in apt.download(&choice.packages, &debs)? {
        deb::unpack(&deb, &root, None)?;
    }
    cache::remove(&debs)?;
    Ok(choice)
}

/// Finds what was unpacked and notes it beside; the paths are relative to the entry.
fn describe(series: &str, choice: &Choice, dir: &Path) -> Result<()> {
    let release = &choice.release;
    let modules = [format!("usr/lib/modules/{release}"), format!("lib/modules/{release}")]
        .map(|path| Path::new("root").join(path));
    // An image that nobody signed says so in its name.
    let images = modules
        .iter()
        .flat_map(|modules| ["vmlinuz", "vmlinuz.unsigned"].map(|name| modules.join(name)));
    let boot = Path::new("root/boot").join(format!("vmlinuz-{release}"));
    let Some(image) = images.chain([boot]).find(|path| dir.join(path).is_file()) else {
        bail!("failed to find the image in {}", names(&choice.packages));
    };
    let modules = modules.into_iter().find(|path| dir.join(path).join("kernel").is_dir());
    if modules.is_none() {
        eprintln!("the archive has no modules for {release} any more: image only");
    }
    let kernel = Kernel {
        series: series.to_owned(),
        release: release.clone(),
        image,
        modules,
        package: names(&choice.packages),
    };
    let text = toml::to_string(&kernel).context("failed to describe the kernel")?;
    cache::write(&dir.join("kernel.toml"), text.as_bytes())
}

fn load(dir: &Path) -> Result<Kernel> {
    let path = dir.join("kernel.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let kernel: Kernel = toml::from_str(&text)
        .with_context(|| format!("failed to understand {}", path.display()))?;
    Ok(Kernel {
        image: dir.join(kernel.image),
        modules: kernel.modules.map(|modules| dir.join(modules)),
        ..kernel
    })
}

fn names(packages: &[Package]) -> String {
    let name = |package: &Package| format!("{} {}", package.name, package.version);
    packages.iter().map(name).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_series_with_or_without_a_flavour() {
        assert_eq!(find("6.12").unwrap().1, "cloud");
        assert_eq!(find("6.12-rt").unwrap().1, "rt");
        let error = find("6.13").err().unwrap().to_string();
        assert!(error.contains("6.13") && error.contains("6.12"), "{error}");
        for name in DEFAULT_MATRIX.iter().chain([&DEFAULT]) {
            find(name).unwrap();
        }
    }
}
