//! Outcomes of boots that were measured before, kept between runs and outside of the tree.
//!
//! An outcome lies under the SHA-256 of all that goes into a boot: the kernel's image, the guest's
//! archive, the emulator's version, and what the emulator is told, which has the seed in it. The
//! boot would give it again: sometimes to the instruction, else within about a part in a thousand.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use boundary::bench::Outcome;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cache;

/// Where in the cache.
const DIRECTORY: &str = "bench";

/// All that there are.
pub(crate) struct Kept {
    directory: PathBuf,
    /// None is taken from here: everything is measured again.
    anew: bool,
}

/// What goes into a boot.
pub(crate) struct Ingredients<'a> {
    /// What the emulator says of its version.
    pub(crate) emulator: &'a str,
    /// What the emulator is told, the kernel's command line and the seed included.
    pub(crate) settings: &'a str,
    pub(crate) image: &'a Print,
    pub(crate) archive: &'a Print,
}

/// The SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print([u8; 32]);

/// What an outcome is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Kept {
    /// Those in the cache; with `anew` they are replaced, and none is found.
    pub(crate) fn open(anew: bool) -> Result<Self> {
        Ok(Self { directory: cache::dir()?.join(DIRECTORY), anew })
    }

    /// The outcome of a boot like this one. One that is damaged is as good as none.
    pub(crate) fn find(&self, key: &Key) -> Option<Outcome> {
        if self.anew {
            return None;
        }
        serde_json::from_slice(&fs::read(self.path(key)).ok()?).ok()
    }

    /// Keeps the outcome of such a boot. Two runs at once may keep the same one.
    pub(crate) fn keep(&self, key: &Key, outcome: &Outcome) -> Result<()> {
        let path = self.path(key);
        let write = || -> Result<()> {
            fs::create_dir_all(&self.directory)?;
            let mut file = NamedTempFile::new_in(&self.directory)?;
            file.write_all(&serde_json::to_vec(outcome)?)?;
            file.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("failed to write {}", path.display()))
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{}.json", key.0))
    }
}

impl Ingredients<'_> {
    /// The same for two boots only if all of it is.
    pub(crate) fn key(&self) -> Key {
        use std::fmt::Write as _;
        let mut sum = Sha256::new();
        for words in [self.emulator, self.settings] {
            // With their length, so that no word can move from one to the other.
            sum.update(words.len().to_le_bytes());
            sum.update(words);
        }
        sum.update(self.image.0);
        sum.update(self.archive.0);
        let mut name = String::new();
        for byte in sum.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Key(name)
    }
}

impl Print {
    /// That of the file's content.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let read = || -> io::Result<Self> {
            let mut file = File::open(path)?;
            let mut sum = Sha256::new();
            let mut part = vec![0; 1 << 20];
            loop {
                let length = file.read(&mut part)?;
                if length == 0 {
                    return Ok(Self(sum.finalize().into()));
                }
                sum.update(&part[..length]);
            }
        };
        read().with_context(|| format!("failed to read {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use boundary::bench::{Taken, ToolOutcome};

    use super::*;

    const IMAGE: Print = Print([1; 32]);
    const ARCHIVE: Print = Print([2; 32]);
    const BOOT: Ingredients =
        Ingredients { emulator: "10.0", settings: "-seed 1", image: &IMAGE, archive: &ARCHIVE };

    fn kept(directory: &Path) -> Kept {
        Kept { directory: directory.join("not/there/yet"), anew: false }
    }

    fn outcome(during: u64) -> Outcome {
        let taken = Taken { count: 10, during, ..Taken::default() };
        let tool = ToolOutcome { lines: 3, tail: "\"quoted\"\n".to_owned(), ..Default::default() };
        Outcome { loads: vec![taken], tool: Some(tool) }
    }

    #[test]
    fn the_key_changes_with_each_ingredient() {
        let other = Print([3; 32]);
        let boots = [
            BOOT,
            Ingredients { emulator: "10.1", ..BOOT },
            Ingredients { settings: "-seed 2", ..BOOT },
            Ingredients { image: &other, ..BOOT },
            Ingredients { archive: &other, ..BOOT },
            Ingredients { image: &ARCHIVE, archive: &IMAGE, ..BOOT },
            Ingredients { emulator: "10.0-seed", settings: " 1", ..BOOT },
        ];
        let mut keys: Vec<String> = boots.iter().map(|boot| boot.key().0).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), boots.len());
        assert_eq!(BOOT.key(), Ingredients { ..BOOT }.key());
    }

    #[test]
    fn a_file_is_told_by_its_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let print = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, content).expect("a file");
            Print::of(&path).expect("its print")
        };
        // More than is read at once, so that the end counts too.
        let mut content = vec![7; (1 << 20) + 5];
        let first = print("a", &content);
        assert_eq!(first, print("b", &content));
        assert_eq!(first.0[..], Sha256::digest(&content)[..]);
        *content.last_mut().expect("the last byte") = 8;
        assert_ne!(first, print("a", &content));
        let error = Print::of(Path::new("/nonexistent/image")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/image"), "{error}");
    }

    #[test]
    fn an_outcome_is_found_again_until_it_is_measured_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let kept = kept(directory.path());
        let key = BOOT.key();
        assert_eq!(kept.find(&key), None);
        kept.keep(&key, &outcome(70)).expect("kept");
        assert_eq!(kept.find(&key), Some(outcome(70)));
        let seed = Ingredients { settings: "-seed 2", ..BOOT };
        assert_eq!(kept.find(&seed.key()), None);

        let anew = Kept { directory: kept.directory.clone(), anew: true };
        assert_eq!(anew.find(&key), None);
        anew.keep(&key, &outcome(80)).expect("kept");
        assert_eq!(kept.find(&key), Some(outcome(80)));
        let files = fs::read_dir(&kept.directory).expect("the directory").count();
        assert_eq!(files, 1, "nothing temporary stays");
    }

    #[test]
    fn a_damaged_one_is_not_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let kept = kept(directory.path());
        let key = BOOT.key();
        kept.keep(&key, &outcome(70)).expect("kept");
        let whole = fs::read(kept.path(&key)).expect("the file");
        let damaged: [&[u8]; 4] = [b"", b"{}", &whole[..whole.len() - 1], &[0; 100]];
        for content in damaged {
            fs::write(kept.path(&key), content).expect("a file");
            assert_eq!(kept.find(&key), None, "{}", String::from_utf8_lossy(content));
        }
        kept.keep(&key, &outcome(70)).expect("kept");
        assert_eq!(kept.find(&key), Some(outcome(70)));
    }
}
