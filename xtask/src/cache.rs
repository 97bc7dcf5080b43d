//! What was fetched or built for us, kept between runs and outside the tree.
//!
//! An entry is filled beside its place and renamed when it is complete, so whatever has its final
//! name is whole, also after an interrupted run. A lock per entry keeps two xtasks apart.
use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// Set and not empty: what the network can give anew is fetched again.
const REFRESH: &str = "SYNDROP_REFRESH";

/// The cache: `$SYNDROP_CACHE`, else `syndrop` in the user's cache directory.
pub(crate) fn dir() -> Result<PathBuf> {
    let dir = locate(|name| env::var_os(name).map(PathBuf::from))?;
    std::path::absolute(&dir).with_context(|| format!("failed to find {}", dir.display()))
}

fn locate(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.as_os_str().is_empty());
    // The XDG rules tell to ignore a path that is not absolute.
    let xdg = || set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    set("SYNDROP_CACHE")
        .or_else(|| Some(xdg()?.join("syndrop")))
        .or_else(|| Some(set("HOME")?.join(".cache/syndrop")))
        .ok_or_else(|| anyhow!("no place for the cache: set SYNDROP_CACHE or HOME"))
}

/// Whether the user asked for entries to be fetched anew (`SYNDROP_REFRESH=1`).
pub(crate) fn refresh_wanted() -> bool {
    env::var_os(REFRESH).is_some_and(|value| !value.is_empty())
}

/// Holds the lock `name` until the returned file is dropped.
pub(crate) fn lock(name: &str) -> Result<File> {
    lock_in(&dir()?, name)
}

fn lock_in(root: &Path, name: &str) -> Result<File> {
    let path = root.join("locks").join(format!("{}.lock", name.replace('/', "_")));
    make_parent(&path)?;
    let file = File::create(&path)
        .with_context(|| format!("failed to create the lock {}", path.display()))?;
    let failed = || format!("failed to lock {}", path.display());
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another xtask that holds {}", path.display());
            file.lock().with_context(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
    }
    Ok(file)
}

/// The directory `name` of the cache; `fill` makes its content if it is not there yet.
pub(crate) fn entry(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    populate(&dir()?, name, false, fill)
}

/// Like [`entry`], but filled anew even if it is there. The old one stays when `fill` fails.
pub(crate) fn renewed(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    populate(&dir()?, name, true, fill)
}

fn populate(
    root: &Path,
    name: &str,
    anew: bool,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let path = root.join(name);
    if path.exists() && !anew {
        return Ok(path);
    }
    let _lock = lock_in(root, name)?;
    // Whoever held the lock until now may have made it.
    if path.exists() && !anew {
        return Ok(path);
    }
    let partial = sibling(&path, ".partial");
    remove(&partial)?;
    fs::create_dir_all(&partial)
        .with_context(|| format!("failed to create {}", partial.display()))?;
    fill(&partial)?;
    remove(&path)?;
    fs::rename(&partial, &path)
        .with_context(|| format!("failed to move {} into place", path.display()))?;
    Ok(path)
}

/// Writes a file so that readers see the old content or the new, never a part.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    make_parent(path)?;
    let partial = sibling(path, ".partial");
    fs::write(&partial, content)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("failed to write {}", path.display()))
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("failed to create {}", parent.display()))
}

/// Removes a directory if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("failed to remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate_with(set: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| set.iter().find(|(key, _)| *key == name);
        locate(|name| find(name).map(|(_, value)| PathBuf::from(value))).ok()
    }

    #[test]
    fn our_variable_wins_then_xdg_then_home() {
        let home = ("HOME", "/home/u");
        let xdg = ("XDG_CACHE_HOME", "/x");
        let ours = ("SYNDROP_CACHE", "/ours");
        assert_eq!(locate_with(&[home, xdg, ours]), Some("/ours".into()));
        assert_eq!(locate_with(&[home, xdg]), Some("/x/syndrop".into()));
        assert_eq!(locate_with(&[home]), Some("/home/u/.cache/syndrop".into()));
        assert_eq!(locate_with(&[]), None);
    }

    #[test]
    fn empty_variables_and_a_relative_xdg_path_do_not_count() {
        let set = [("SYNDROP_CACHE", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/h")];
        assert_eq!(locate_with(&set), Some("/h/.cache/syndrop".into()));
    }

    #[test]
    fn an_entry_appears_whole_or_not_at_all() {
        let root = env::temp_dir().join(format!("syndrop-cache-{}", std::process::id()));
        let write = |text: &'static str| move |dir: &Path| Ok(fs::write(dir.join("f"), text)?);
        let read = || fs::read_to_string(root.join("a/b/f")).ok();

        let failing = |dir: &Path| {
            fs::write(dir.join("f"), "half")?;
            Err(anyhow!("interrupted"))
        };
        populate(&root, "a/b", false, failing).unwrap_err();
        assert_eq!(read(), None);
        populate(&root, "a/b", false, write("first")).unwrap();
        populate(&root, "a/b", false, write("second")).unwrap();
        assert_eq!(read().as_deref(), Some("first"));
        populate(&root, "a/b", true, failing).unwrap_err();
        assert_eq!(read().as_deref(), Some("first"));
        populate(&root, "a/b", true, write("second")).unwrap();
        assert_eq!(read().as_deref(), Some("second"));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn siblings_stay_in_the_directory() {
        assert_eq!(sibling(Path::new("/c/6.12"), ".partial"), PathBuf::from("/c/6.12.partial"));
    }
}
