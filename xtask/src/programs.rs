//! Programs for the guests, and the files that each needs to run there.
//!
//! Debian's packages with all they depend on are unpacked into one directory of the cache. Which
//! shared libraries an ELF file needs is asked of the dynamic loader that would load it, the
//! tree's own for a program of the tree.
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::elf::Elf;
use crate::{apt, cache, command, deb};

/// The name of the loader on x86-64, the only guest there is.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Where a loader looks for libraries without being told.
const LIBRARY_DIRS: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "usr/lib"];

/// Links that a package's own script would make where it is installed: name and target.
const ALTERNATIVES: &[(&str, &str)] = &[("libblas.so.3", "blas/libblas.so.3")];

/// A file of the guest: where it goes there, and where it is here.
pub(crate) type GuestFile = (PathBuf, PathBuf);

/// Unpacked packages, laid out as on a system whose `/bin`, `/sbin` and `/lib` live in `/usr`.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
}

/// Where packages are taken from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Release {
    /// The release that this machine runs.
    Own,
    /// The first of these suites that has them.
    FirstOf(&'static [&'static str]),
}

/// These packages, with all they depend on.
pub(crate) fn tree(packages: &[&str], release: Release) -> Result<Tree> {
    let mut sorted = packages.to_vec();
    sorted.sort_unstable();
    let mut name = format!("trees/{}", sorted.join("+"));
    if let Release::FirstOf(suites) = release {
        name = format!("{name}@{}", suites.join("+"));
    }
    let fill = |dir: &Path| {
        let root = dir.join("root");
        lay_out(&root)?;
        let debs = dir.join("debs");
        let download = |apt: &apt::Apt| apt.download_closure(&sorted, &debs);
        let downloaded = match release {
            Release::Own => apt::in_own_release(download),
            Release::FirstOf(suites) => apt::in_first(suites, download),
        };
        for deb in downloaded? {
            deb::unpack(&deb, &root, None)?;
        }
        link_alternatives(&root)?;
        cache::remove(&debs)
    };
    let dir = if cache::refresh_wanted() {
        cache::renewed(&name, fill)
    } else {
        cache::entry(&name, fill)
    };
    let dir =
        dir.with_context(|| format!("failed to get {} from Debian's packages", sorted.join(", ")))?;
    Ok(Tree { root: dir.join("root") })
}

/// The links of a merged `/usr`: packages that still ship `/lib` then land in one place.
fn lay_out(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let real = root.join("usr").join(name);
        fs::create_dir_all(&real)
            .and_then(|()| symlink(Path::new("usr").join(name), root.join(name)))
            .with_context(|| format!("failed to create {}", real.display()))?;
    }
    Ok(())
}

fn link_alternatives(root: &Path) -> Result<()> {
    let directory = root.join(LIBRARY_DIRS[0]);
    for (name, target) in ALTERNATIVES {
        if directory.join(target).exists() {
            symlink(target, directory.join(name))
                .with_context(|| format!("failed to link {name} in {}", directory.display()))?;
        }
    }
    Ok(())
}

impl Tree {
    /// The program or library (a path inside the tree) with every file it needs to be loaded.
    pub(crate) fn closure(&self, program: &Path) -> Result<Vec<GuestFile>> {
        let host = self.resolve(program)?;
        let inside = Path::new("/").join(program);
        let listed = match Elf::read(&host)? {
            Elf::Static => return Ok(vec![(inside, host)]),
            Elf::Dynamic { .. } => command::read(&mut self.loader(&host, &["--list"])?)?,
        };
        let mut files = vec![(inside, host), (LOADER.into(), self.resolve(LOADER.as_ref())?)];
        for (name, path) in libraries(&listed)? {
            if Path::new(&name) == Path::new(LOADER) {
                continue;
            }
            let Ok(inside) = path.strip_prefix(&self.root) else {
                bail!(
                    "failed to find {name} for {}: its package is not in the tree",
                    program.display()
                );
            };
            files.push((Path::new("/").join(inside), self.resolve(inside)?));
        }
        Ok(files)
    }

    /// Runs a program of the tree on this machine, with the tree's own libraries.
    pub(crate) fn command(&self, program: &Path) -> Result<Command> {
        let host = self.resolve(program)?;
        match Elf::read(&host)? {
            Elf::Static => Ok(Command::new(host)),
            Elf::Dynamic { .. } => self.loader(&host, &[]),
        }
    }

    fn loader(&self, program: &Path, options: &[&str]) -> Result<Command> {
        let dirs = LIBRARY_DIRS.map(|dir| self.root.join(dir));
        let path: Vec<OsString> = dirs.into_iter().map(PathBuf::into_os_string).collect();
        let mut loader = Command::new(self.resolve(LOADER.as_ref())?);
        loader.arg("--inhibit-cache").arg("--library-path").arg(path.join(":".as_ref()));
        loader.args(options).arg(program).env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD");
        Ok(loader)
    }

    /// Every file and link by its path in the tree, but for those below some directories.
    pub(crate) fn files(&self, without: &[&str]) -> Result<Vec<GuestFile>> {
        let mut files = Vec::new();
        let mut waiting: Vec<PathBuf> = ["usr", "etc", "lib/modules"].map(PathBuf::from).into();
        while let Some(directory) = waiting.pop() {
            let host = self.root.join(&directory);
            if without.iter().any(|path| directory == Path::new(path)) || !host.is_dir() {
                continue;
            }
            let failed = || format!("failed to list {}", host.display());
            for entry in fs::read_dir(&host).with_context(failed)? {
                let entry = entry.with_context(failed)?;
                let path = directory.join(entry.file_name());
                if entry.file_type().with_context(failed)?.is_dir() {
                    waiting.push(path);
                } else {
                    files.push((path, entry.path()));
                }
            }
        }
        Ok(files)
    }

    /// The file behind a path of the tree; links are followed as if the tree were `/`.
    pub(crate) fn resolve(&self, path: &Path) -> Result<PathBuf> {
        resolve_in(&self.root, path).with_context(|| {
            format!("failed to find {} in {}", path.display(), self.root.display())
        })
    }
}

/// The files that a program of this machine needs; in the guest they go where those of a [`Tree`]
/// go, so that the two can be packed together.
pub(crate) fn closure(program: &Path) -> Result<Vec<GuestFile>> {
    let program = fs::canonicalize(program)
        .with_context(|| format!("failed to find {}", program.display()))?;
    let mut files = vec![(merged(&program), program.clone())];
    let Elf::Dynamic { interpreter } = Elf::read(&program)? else {
        return Ok(files);
    };
    let interpreter = interpreter.unwrap_or_else(|| LOADER.into());
    files.push((interpreter.clone(), interpreter.clone()));
    let listed = command::read(Command::new(&interpreter).arg("--list").arg(&program))?;
    for (name, path) in libraries(&listed)? {
        if Path::new(&name) != interpreter {
            files.push((merged(&path), path));
        }
    }
    Ok(files)
}

/// `/usr/lib/x` for `/lib/x`: the same file on every system that Debian still supports.
fn merged(path: &Path) -> PathBuf {
    let moved = ["/bin", "/sbin", "/lib"].iter().any(|dir| path.starts_with(dir));
    match path.strip_prefix("/") {
        Ok(rest) if moved => Path::new("/usr").join(rest),
        _ => path.to_owned(),
    }
}

/// Name and path of each line of the loader's `--list`.
fn libraries(listed: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for line in listed.lines() {
        let line = line.trim();
        let without_address = line.rsplit_once(" (0x").map_or(line, |(rest, _)| rest);
        match without_address.split_once(" => ") {
            Some((name, "not found")) => bail!("failed to find the library {name}"),
            Some((name, path)) => found.push((name.to_owned(), path.into())),
            // The kernel's own object has no file; the loader itself may come without an arrow.
            None if without_address.starts_with('/') => {
                found.push((without_address.to_owned(), without_address.into()));
            }
            None => {}
        }
    }
    Ok(found)
}

fn resolve_in(root: &Path, path: &Path) -> Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut links = 0;
    let mut at = PathBuf::new();
    let mut ahead: Vec<OsString> = names_backwards(path);
    while let Some(name) = ahead.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = root.join(&at).join(&name);
        let data = fs::symlink_metadata(&next).with_context(|| format!("no {}", next.display()))?;
        if data.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                bail!("too many links at {}", next.display());
            }
            let target = fs::read_link(&next)?;
            if target.is_absolute() {
                at = PathBuf::new();
            }
            ahead.extend(names_backwards(&target));
        } else {
            at.push(name);
        }
    }
    Ok(root.join(at))
}

fn names_backwards(path: &Path) -> Vec<OsString> {
    let kept = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut names: Vec<OsString> = path.components().filter_map(kept).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_list_gives_names_and_paths() {
        let listed = "\tlinux-vdso.so.1 (0x00007fff1)\n\
                      \tlibc.so.6 => /t/lib/libc.so.6 (0x00007f2)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let expected = [
            ("libc.so.6".to_owned(), PathBuf::from("/t/lib/libc.so.6")),
            (LOADER.to_owned(), PathBuf::from(LOADER)),
        ];
        assert_eq!(libraries(listed).unwrap(), expected);
        let error = libraries("\tlibx.so.1 => not found\n").unwrap_err();
        assert!(error.to_string().contains("libx.so.1"));
    }

    #[test]
    fn libraries_of_the_host_go_below_usr() {
        assert_eq!(merged("/lib/x/liba.so".as_ref()), PathBuf::from("/usr/lib/x/liba.so"));
        assert_eq!(merged("/opt/lib/b".as_ref()), PathBuf::from("/opt/lib/b"));
        assert_eq!(merged(LOADER.as_ref()), PathBuf::from(LOADER));
    }

    #[test]
    fn links_stay_inside_the_tree() {
        let root = std::env::temp_dir().join(format!("syndrop-tree-{}", std::process::id()));
        lay_out(&root).unwrap();
        fs::create_dir_all(root.join("usr/lib/a")).unwrap();
        fs::write(root.join("usr/lib/a/real"), "x").unwrap();
        symlink("/lib/a/real", root.join("usr/lib64/absolute")).unwrap();
        symlink("../../../../usr/lib/a/real", root.join("usr/lib/a/upward")).unwrap();
        symlink("loop", root.join("usr/lib/loop")).unwrap();

        let real = root.join("usr/lib/a/real");
        assert_eq!(resolve_in(&root, "/lib64/absolute".as_ref()).unwrap(), real);
        assert_eq!(resolve_in(&root, "lib/a/upward".as_ref()).unwrap(), real);
        resolve_in(&root, "/lib/loop".as_ref()).unwrap_err();
        resolve_in(&root, "/lib/none".as_ref()).unwrap_err();
        fs::remove_dir_all(&root).unwrap();
    }
}
