//! What every guest carries: PID 1, the modules, a shell, busybox, and whatever a command adds.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use boundary::plan::{self, Plan};
use tempfile::NamedTempFile;

use crate::artifact;
use crate::initramfs::Initramfs;
use crate::kernels::Kernel;
use crate::modules::{Module, Modules, Need};
use crate::programs::{self, GuestFile, Release, Tree};
use crate::toolchain;

/// Where files of the person's own lie in the guest.
pub(crate) const WORK_DIR: &str = "/work";

/// Where every guest's shell and tools come from.
pub(crate) const PACKAGES: &[&str] = &["bash", "busybox-static"];

/// The port to the host first, then what tests and demonstrations build networks of.
const MODULES: &[(&str, Need)] = &[
    ("virtio_pci", Need::Always),
    ("virtio_console", Need::Always),
    ("tun", Need::IfThere),
    ("veth", Need::IfThere),
    ("dummy", Need::IfThere),
    ("inet_diag", Need::IfThere),
    ("tcp_diag", Need::IfThere),
    ("sch_netem", Need::IfThere),
    ("xfrm_user", Need::IfThere),
];

/// What is there but not loaded: every network namespace has a listener more by it.
const SPARE: &[(&str, Need)] = &[("rds_tcp", Need::IfThere)];

/// Enough of `/etc` for servers that drop their rights.
const ETC: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost guest\n::1 localhost guest\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

/// A guest's root file system and plan, in the making.
pub(crate) struct Outfit {
    archive: Initramfs,
    plan: Plan,
}

impl Outfit {
    /// The common ground of all guests of this kernel in which people and scripts work.
    pub(crate) fn new(kernel: &Kernel) -> Result<Self> {
        Self::with_modules(kernel, &[])
    }

    /// The same with more modules of the kernel, loaded after the common ones.
    pub(crate) fn with_modules(kernel: &Kernel, more: &[(&str, Need)]) -> Result<Self> {
        let mut outfit = Self::with_init(kernel, &artifact::guest()?, more)?;
        // Busybox's own shell would prefer its applets to the real `ip` and `ss`.
        outfit.programs(PACKAGES, &["/usr/bin/bash", "/usr/bin/busybox"])?;
        outfit.archive.symlink("/usr/bin/sh", "bash");
        Ok(outfit)
    }

    /// Only `guest` as PID 1 and the modules: no shell, no library.
    pub(crate) fn bare(kernel: &Kernel, guest: &Path) -> Result<Self> {
        Self::with_init(kernel, guest, &[])
    }

    fn with_init(kernel: &Kernel, guest: &Path, more: &[(&str, Need)]) -> Result<Self> {
        let mut archive = Initramfs::new();
        archive.host_file("/init", guest, 0o755);
        // Also by name: its subcommands are programs for the guest.
        archive.symlink("/usr/bin/guest", "/init");
        for directory in ["/proc", "/sys", "/run", "/usr/local/bin", "/var/tmp"] {
            archive.directory(directory, 0o755);
        }
        archive.directory("/root", 0o700);
        archive.directory(plan::OUT_DIR, 0o755);
        for (path, content) in ETC {
            archive.bytes(path, *content, 0o644);
        }
        let mut outfit = Self { archive, plan: Plan::default() };
        outfit.add_modules(kernel, more)?;
        Ok(outfit)
    }

    /// A shell for programs that take one for granted, and nothing that it needs itself.
    pub(crate) fn plain_shell(&mut self) -> Result<()> {
        self.programs(PACKAGES, &["/usr/bin/busybox"])?;
        self.archive.symlink("/usr/bin/sh", "busybox");
        Ok(())
    }

    /// A program of this machine, found in the guest as `/usr/bin/NAME`, with its libraries.
    pub(crate) fn own_program(&mut self, host: &Path, name: &str) -> Result<()> {
        self.archive.host_file(&format!("/usr/bin/{name}"), host, 0o755);
        // The program itself comes first, at the path that it has here.
        let libraries = programs::closure(host)?.into_iter().skip(1);
        self.add(libraries.collect());
        Ok(())
    }

    /// A file of this machine, or all that is in a directory, in the guest's `directory`. A program
    /// brings its libraries.
    pub(crate) fn own_files(&mut self, host: &Path, directory: &str) -> Result<()> {
        let named =
            fs::canonicalize(host).with_context(|| format!("failed to find {}", host.display()))?;
        let Some(name) = named.file_name() else {
            bail!("failed to take {} into the guest: it has no name", host.display());
        };
        let guest = format!("{directory}/{}", name.to_string_lossy());
        if named.is_dir() {
            self.archive.directory(&guest, 0o755);
            let entries = fs::read_dir(&named)
                .with_context(|| format!("failed to list {}", named.display()))?;
            for entry in entries {
                self.own_files(&entry?.path(), &guest)?;
            }
            return Ok(());
        }
        let mode = fs::metadata(&named)?.permissions().mode() & 0o777;
        self.archive.host_file(&guest, &named, mode);
        if is_elf(&named)? {
            let libraries = programs::closure(&named)?.into_iter().skip(1);
            self.add(libraries.collect());
        }
        Ok(())
    }

    /// Programs of Debian's packages at their own paths, with their libraries; where packages
    /// cannot be had, this machine's own programs of the same names.
    pub(crate) fn programs(&mut self, packages: &[&str], programs: &[&str]) -> Result<()> {
        match programs::tree(packages, Release::Own) {
            Ok(tree) => self.programs_of(&tree, programs)?,
            Err(error) => {
                for program in programs {
                    let name = program.rsplit('/').next().unwrap_or(program);
                    let Some(host) = toolchain::on_path(name) else {
                        let advice =
                            format!("no {name} for the guest: install it, or let it be fetched");
                        return Err(error.context(advice));
                    };
                    self.own_program(&host, name)?;
                }
            }
        }
        Ok(())
    }

    /// A file of this machine that needs no libraries.
    pub(crate) fn plain_file(&mut self, guest: &str, host: &Path) {
        self.archive.host_file(guest, host, 0o755);
    }

    /// A file of our own making.
    pub(crate) fn file(&mut self, guest: &str, content: impl Into<Vec<u8>>) {
        self.archive.bytes(guest, content, 0o644);
    }

    /// Programs of unpacked packages at their own paths, with their libraries.
    pub(crate) fn programs_of(&mut self, tree: &Tree, programs: &[&str]) -> Result<()> {
        for program in programs {
            self.add(tree.closure(Path::new(program.trim_start_matches('/')))?);
        }
        Ok(())
    }

    /// All files below a directory of unpacked packages, at their own paths and without libraries of
    /// theirs; directories named in `without` are left out.
    pub(crate) fn data(&mut self, tree: &Tree, directory: &str, without: &[&str]) -> Result<()> {
        let host = tree.resolve(directory.as_ref())?;
        let listed = || format!("failed to list {}", host.display());
        for entry in fs::read_dir(&host).with_context(listed)? {
            let entry = entry.with_context(listed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let guest = format!("{directory}/{name}");
            if entry.path().is_file() {
                self.archive.host_file(&guest, &entry.path(), 0o644);
            } else if entry.path().is_dir() && !without.contains(&name.as_str()) {
                self.data(tree, &guest, without)?;
            }
        }
        Ok(())
    }

    /// All of unpacked packages, but for what only people read.
    pub(crate) fn all_of(&mut self, tree: &Tree) -> Result<()> {
        for (path, host) in tree.files(&["usr/share/doc", "usr/share/man", "usr/share/locale"])? {
            let guest = format!("/{}", path.display());
            if host.is_symlink() {
                let target = fs::read_link(&host)
                    .with_context(|| format!("failed to read {}", host.display()))?;
                self.archive.symlink(&guest, &target.to_string_lossy());
            } else {
                let mode = fs::metadata(&host)?.permissions().mode() & 0o777;
                self.archive.host_file(&guest, &host, mode);
            }
        }
        Ok(())
    }

    /// Bytes of all files of this machine that are in it.
    pub(crate) fn size(&self) -> Result<u64> {
        self.archive.host_bytes()
    }

    /// Sets a variable in the command's environment.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.plan.env.push((name.to_owned(), value.to_owned()));
    }

    /// Gives the command a terminal of so many rows and columns.
    pub(crate) fn terminal(&mut self, rows: u16, columns: u16) {
        self.plan.terminal = Some((rows, columns));
    }

    /// Closes the archive around `argv` and writes it to a temporary file.
    pub(crate) fn seal(mut self, argv: &[&str]) -> Result<NamedTempFile> {
        self.plan.argv = argv.iter().map(|&word| word.to_owned()).collect();
        let plan = serde_json::to_vec(&self.plan).context("failed to write the guest's plan")?;
        self.archive.bytes(plan::PATH, plan, 0o644);
        let file = NamedTempFile::with_prefix("syndrop-guest-")
            .context("failed to create a temporary file")?;
        self.archive.write(file.path())?;
        Ok(file)
    }

    fn add_modules(&mut self, kernel: &Kernel, more: &[(&str, Need)]) -> Result<()> {
        // Without any, all that is needed must be built in; the guest says so if it is not.
        let Some(directory) = &kernel.modules else {
            return Ok(());
        };
        let path = |module: &Module| format!("/lib/modules/{}.ko", module.name);
        let modules = Modules::read(directory)?;
        for module in modules.in_load_order(&[MODULES, more].concat())? {
            let path = path(&module);
            self.archive.bytes(&path, module.image, 0o644);
            self.plan.modules.push(path);
        }
        for module in modules.in_load_order(SPARE)? {
            self.archive.bytes(&path(&module), module.image, 0o644);
        }
        Ok(())
    }

    fn add(&mut self, files: Vec<GuestFile>) {
        for (guest, host) in files {
            self.archive.host_file(&guest.to_string_lossy(), &host, 0o755);
        }
    }
}

/// Whether it is a program or a library, and no script or data.
fn is_elf(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut start))
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(start == b"\x7fELF")
}
