//! The headers of a kernel, which tools that compile their probes on the spot want.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::apt::{self, Apt};
use crate::deb;
use crate::kernels::{KERNELS, Kernel};
use crate::programs::Tree;
use crate::{cache, deb::Package};

/// The headers of exactly this kernel, unpacked as Debian's packages install them.
pub(crate) fn of(kernel: &Kernel) -> Result<Tree> {
    let release = &kernel.release;
    let row = KERNELS.iter().find(|row| row.name == kernel.series);
    let suites = row.map(|row| row.suites).context("headers are for kernels of the table only")?;
    let fill = |dir: &Path| {
        let (root, debs) = (dir.join("root"), dir.join("debs"));
        let download = |apt: &Apt| apt.download(&packages(apt, release)?, &debs);
        for deb in apt::in_first(suites, download)? {
            deb::unpack(&deb, &root, None)?;
        }
        cache::remove(&debs)
    };
    let dir: PathBuf = cache::entry(&format!("headers/{release}"), fill)
        .with_context(|| format!("failed to get the headers of {release}"))?;
    Ok(Tree { root: dir.join("root") })
}

/// Those of the flavour, and those that all flavours share.
fn packages(apt: &Apt, release: &str) -> Result<Vec<Package>> {
    let version = release.split("-cloud").next().unwrap_or(release);
    let names = [format!("linux-headers-{release}"), format!("linux-headers-{version}-common")];
    let mut found = Vec::new();
    for name in names {
        let all = apt.search(&name, |other| other == name)?;
        let Some(newest) = deb::newest(&all) else { bail!("there is no package {name}") };
        found.push(newest.clone());
    }
    Ok(found)
}
