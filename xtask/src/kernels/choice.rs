//! Which packages make up the newest kernel of a series.
//!
//! Up to 6.18 one package has image and modules. Later ones are split, with a signed and an
//! unsigned image, and a package of the old name that only depends on the parts.
use crate::deb::{self, Package};

/// Smaller than this is a package that only depends on others.
const LEAST_IMAGE: u64 = 1_000_000;

/// Image and modules that belong together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) release: String,
    pub(super) packages: Vec<Package>,
}

/// What a package with an image is called, by rising preference. Only the first has modules too.
const IMAGES: [&str; 3] = ["linux-image-", "linux-binary-unsigned-", "linux-binary-"];

struct Candidate<'a> {
    release: &'a str,
    image: &'a Package,
    modules: Option<&'a Package>,
    /// Index into [`IMAGES`].
    kind: usize,
}

impl<'a> Candidate<'a> {
    fn new(image: &'a Package, all: &'a [Package]) -> Option<Self> {
        let rest = |prefix: &&str| {
            let rest = image.name.strip_prefix(*prefix)?;
            rest.starts_with(|first: char| first.is_ascii_digit()).then_some(rest)
        };
        let (kind, release) =
            IMAGES.iter().enumerate().find_map(|(kind, prefix)| Some((kind, rest(prefix)?)))?;
        let name = format!("linux-modules-{release}");
        let fits = |other: &&Package| other.name == name && other.version == image.version;
        let modules = all.iter().find(fits);
        (image.size >= LEAST_IMAGE).then_some(Self { release, image, modules, kind })
    }

    fn is_complete(&self) -> bool {
        self.kind == 0 || self.modules.is_some()
    }
}

/// The newest kernel of the series; one whose modules are gone only if there is no other.
pub(super) fn choose(series: &str, flavour: &str, packages: &[Package]) -> Option<Choice> {
    let start = format!("{series}.");
    let end = format!("-{flavour}-amd64");
    let best = packages
        .iter()
        .filter_map(|package| Candidate::new(package, packages))
        .filter(|found| found.release.starts_with(&start) && found.release.ends_with(&end))
        .max_by(|a, b| {
            let complete = a.is_complete().cmp(&b.is_complete());
            let version = || deb::compare_versions(&a.image.version, &b.image.version);
            complete.then_with(version).then(a.kind.cmp(&b.kind))
        })?;
    Some(Choice {
        release: best.release.to_owned(),
        packages: std::iter::once(best.image).chain(best.modules).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), size: 20_000_000 }
    }

    fn chosen(series: &str, flavour: &str, packages: &[Package]) -> Option<(String, usize)> {
        let choice = choose(series, flavour, packages)?;
        Some((choice.release, choice.packages.len()))
    }

    #[test]
    fn the_newest_of_the_series_and_flavour_wins() {
        let packages = [
            package("linux-image-6.1.0-9-cloud-amd64", "6.1.90-1"),
            package("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
            package("linux-image-6.1.0-57-rt-amd64", "6.1.200-1"),
            package("linux-image-6.1.0-58-cloud-amd64-dbg", "6.1.210-1"),
            package("linux-image-6.12.117+deb13-cloud-amd64", "6.12.117-1"),
        ];
        let of = |series, flavour| chosen(series, flavour, &packages).map(|(release, _)| release);
        assert_eq!(of("6.1", "cloud").as_deref(), Some("6.1.0-56-cloud-amd64"));
        assert_eq!(of("6.1", "rt").as_deref(), Some("6.1.0-57-rt-amd64"));
        assert_eq!(of("6.12", "cloud").as_deref(), Some("6.12.117+deb13-cloud-amd64"));
        assert_eq!(of("5.10", "cloud"), None);
    }

    #[test]
    fn metapackages_are_no_kernels() {
        let meta =
            Package { size: 1_924, ..package("linux-image-7.2.12+deb13-cloud-amd64", "7.2.12-1") };
        let series = package("linux-image-7.2-cloud-amd64", "7.2.12-1");
        assert_eq!(choose("7.2", "cloud", &[meta, series]), None);
    }

    #[test]
    fn a_split_kernel_takes_the_signed_image_and_its_modules() {
        let packages = [
            package("linux-binary-unsigned-7.2.12+deb13-cloud-amd64", "7.2.12-1"),
            package("linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1"),
            package("linux-modules-7.2.12+deb13-cloud-amd64", "7.2.12-1"),
        ];
        let choice = choose("7.2", "cloud", &packages).unwrap();
        assert_eq!(choice.packages, packages[1..]);
    }

    #[test]
    fn an_unsigned_image_does_where_nothing_is_signed() {
        let packages = [
            package("linux-modules-7.3.4+deb13-cloud-amd64", "7.3.4-1"),
            package("linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1"),
        ];
        let release = "7.3.4+deb13-cloud-amd64".to_owned();
        assert_eq!(chosen("7.3", "cloud", &packages), Some((release, 2)));
    }

    #[test]
    fn an_image_without_modules_is_the_last_resort() {
        let mut packages = vec![
            package("linux-binary-7.1.13+deb13-cloud-amd64", "7.1.13-1"),
            package("linux-binary-7.1.8+deb13-cloud-amd64", "7.1.8-1"),
        ];
        let newest = "7.1.13+deb13-cloud-amd64".to_owned();
        assert_eq!(chosen("7.1", "cloud", &packages), Some((newest, 1)));
        packages.push(package("linux-modules-7.1.8+deb13-cloud-amd64", "7.1.8-1"));
        let complete = "7.1.8+deb13-cloud-amd64".to_owned();
        assert_eq!(chosen("7.1", "cloud", &packages), Some((complete, 2)));
    }
}
