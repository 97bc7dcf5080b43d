//! A kernel's loadable modules: which files, in which order, ready for `finit_module`.
//!
//! Packages carry no `modules.dep` (depmod writes it on the machine that installs them), so
//! dependencies come from the modules themselves: each names its own in its `.modinfo` section.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The modules directory of one kernel release.
pub(crate) struct Modules {
    directory: PathBuf,
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
}

/// One module, decompressed.
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) image: Vec<u8>,
}

/// Whether a guest can do without a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    IfThere,
}

impl Modules {
    /// Indexes `directory`, the `lib/modules/RELEASE` of a kernel.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        index(directory, &mut files)?;
        if files.is_empty() {
            bail!(
                "no kernel modules in {}: expected the lib/modules/RELEASE directory of the kernel",
                directory.display()
            );
        }
        // Absent where nothing was packed beside the modules; then nothing is known as built in.
        let builtin = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
        let builtin = builtin.lines().filter_map(|line| module_name(Path::new(line))).collect();
        Ok(Self { directory: directory.to_owned(), files, builtin })
    }

    /// The named modules and all that they depend on, each after its dependencies.
    pub(crate) fn in_load_order(&self, wanted: &[(&str, Need)]) -> Result<Vec<Module>> {
        let mut order = Vec::new();
        let mut done = BTreeSet::new();
        for &(name, need) in wanted {
            if self.files.contains_key(name) {
                self.visit(name, &mut done, &mut order)?;
            } else if need == Need::Always
                && !self.builtin.is_empty()
                && !self.builtin.contains(name)
            {
                bail!("no module {name} in {}, and it is not built in", self.directory.display());
            }
        }
        Ok(order)
    }

    fn visit(
        &self,
        name: &str,
        done: &mut BTreeSet<String>,
        order: &mut Vec<Module>,
    ) -> Result<()> {
        if !done.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(path) = self.files.get(name) else {
            bail!("no module {name} in {}, though another needs it", self.directory.display());
        };
        let image = decompressed(path)?;
        for dependency in dependencies(&image) {
            self.visit(&dependency, done, order)?;
        }
        order.push(Module { name: name.to_owned(), image });
        Ok(())
    }
}

fn index(directory: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let failed = || format!("failed to list {}", directory.display());
    for entry in fs::read_dir(directory).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        // Not through links: `build` and `source` lead to whole kernel trees.
        if entry.file_type().with_context(failed)?.is_dir() {
            index(&entry.path(), files)?;
        } else if let Some(name) = module_name(&entry.path()) {
            files.insert(name, entry.path());
        }
    }
    Ok(())
}

/// `drivers/net/tun.ko.xz` is `tun`; dashes in file names are underscores in module names.
fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let (stem, ending) = file.split_once(".ko")?;
    matches!(ending, "" | ".xz" | ".zst").then(|| stem.replace('-', "_"))
}

/// The kernel could decompress too, but only if it was configured to.
fn decompressed(path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut image = Vec::new();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("xz") => lzma_rust2::XzReader::new(file, true).read_to_end(&mut image)?,
            Some("zst") => {
                ruzstd::decoding::StreamingDecoder::new(file)?.read_to_end(&mut image)?
            }
            _ => { &file }.read_to_end(&mut image)?,
        };
        Ok(image)
    };
    read().with_context(|| format!("failed to read the module {}", path.display()))
}

/// The names behind `depends=` in a module's `.modinfo`, a run of NUL-terminated strings.
fn dependencies(image: &[u8]) -> Vec<String> {
    // The section need not be found first: nothing else in a module holds this at the start of a
    // string, and a wrong hit would name a module that does not exist, which is an error.
    const KEY: &[u8] = b"depends=";
    let line = image.split(|&byte| byte == 0).find_map(|string| string.strip_prefix(KEY));
    String::from_utf8_lossy(line.unwrap_or_default())
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A modules directory with the given `.ko` files: name and what `depends=` says.
    fn directory(modules: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        let net = root.path().join("kernel/net");
        fs::create_dir_all(&net).expect("a directory");
        for (file, depends) in modules {
            let image = format!("\x7fELF\0license=GPL\0depends={depends}\0vermagic=7.3.4\0");
            fs::write(net.join(file), image).expect("a file");
        }
        fs::write(root.path().join("modules.builtin"), "kernel/drivers/virtio/virtio-pci.ko\n")
            .expect("a file");
        root
    }

    fn order(modules: &[(&str, &str)], wanted: &[(&str, Need)]) -> Result<Vec<String>> {
        let root = directory(modules);
        let order = Modules::read(root.path())?.in_load_order(wanted)?;
        Ok(order.into_iter().map(|module| module.name).collect())
    }

    #[test]
    fn dependencies_load_first_and_once() {
        let modules =
            [("tcp_diag.ko", "inet_diag"), ("inet_diag.ko", ""), ("udp_diag.ko", "inet_diag")];
        let wanted = [("tcp_diag", Need::Always), ("udp_diag", Need::Always)];
        assert_eq!(order(&modules, &wanted).unwrap(), ["inet_diag", "tcp_diag", "udp_diag"]);
    }

    #[test]
    fn a_chain_of_dependencies_is_followed_to_its_end() {
        let modules = [("a.ko", "b,c"), ("b.ko", "c"), ("c.ko", "d-e"), ("d-e.ko", "")];
        assert_eq!(order(&modules, &[("a", Need::Always)]).unwrap(), ["d_e", "c", "b", "a"]);
    }

    #[test]
    fn what_is_built_in_needs_no_file() {
        let wanted = [("virtio_pci", Need::Always)];
        assert!(order(&[("tun.ko", "")], &wanted).unwrap().is_empty());
    }

    #[test]
    fn a_missing_module_is_an_error_only_if_needed() {
        let modules = [("tun.ko", "")];
        let error = order(&modules, &[("veth", Need::Always)]).unwrap_err();
        assert!(error.to_string().contains("no module veth"), "{error}");
        assert!(order(&modules, &[("veth", Need::IfThere)]).unwrap().is_empty());
    }

    #[test]
    fn a_missing_dependency_is_an_error() {
        let error = order(&[("tcp_diag.ko", "inet_diag")], &[("tcp_diag", Need::IfThere)]);
        assert!(error.unwrap_err().to_string().contains("no module inet_diag"));
    }

    #[test]
    fn a_directory_without_modules_is_refused() {
        assert!(Modules::read(directory(&[]).path()).is_err());
    }

    #[test]
    fn names_come_from_files_of_every_compression() {
        for file in ["net/nf-log.ko", "net/nf-log.ko.xz", "nf_log.ko.zst"] {
            assert_eq!(module_name(Path::new(file)).as_deref(), Some("nf_log"), "{file}");
        }
        assert_eq!(module_name(Path::new("modules.order")), None);
        assert_eq!(module_name(Path::new("vmlinuz.unsigned")), None);
    }
}
