//! A network namespace as users name it: by number, by path, or as `ip netns` does.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{fstat, fstatfs};

/// Where iproute2 keeps the namespaces that have names.
const NAMED: &str = "/run/netns";
/// `NSFS_MAGIC` (include/uapi/linux/magic.h).
const NSFS: i64 = 0x6e73_6673;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Netns {
    /// The inode number that `lsns` and `ls -L -i` show.
    Inode(u32),
    /// A file that stands for it, such as /proc/PID/ns/net.
    Path(PathBuf),
    /// A name that `ip netns` knows.
    Name(String),
}

/// Why it stands for no namespace.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The file cannot be looked at.
    #[error("failed to find the network namespace {name}: failed to open {path}")]
    Open {
        /// What was typed.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else.
    #[error("failed to find the network namespace {0}: it is no namespace; try /proc/PID/ns/net")]
    NotOne(String),
}

impl FromStr for Netns {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse() {
            Ok(inode) => Self::Inode(inode),
            Err(_) if text.contains('/') => Self::Path(text.into()),
            Err(_) => Self::Name(text.to_owned()),
        })
    }
}

impl Netns {
    /// Its inode number.
    ///
    /// # Errors
    /// If there is no such namespace.
    pub fn inode(&self) -> Result<u32, NetnsError> {
        match self {
            Self::Inode(inode) => Ok(*inode),
            Self::Path(path) => look_at(&path.display().to_string(), path),
            Self::Name(name) => look_at(name, &Path::new(NAMED).join(name)),
        }
    }
}

fn look_at(name: &str, path: &Path) -> Result<u32, NetnsError> {
    let file = std::fs::File::open(path).map_err(|source| NetnsError::Open {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    let namespace = fstatfs(&file).is_ok_and(|system| system.f_type == NSFS);
    let inode = fstat(&file).ok().and_then(|stat| u32::try_from(stat.st_ino).ok());
    inode.filter(|_| namespace).ok_or_else(|| NetnsError::NotOne(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::Netns;

    fn netns(text: &str) -> Netns {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_paths_and_names_are_told_apart() {
        assert_eq!(netns("4026531840"), Netns::Inode(4_026_531_840));
        assert_eq!(netns("/run/x"), Netns::Path("/run/x".into()));
        assert_eq!(netns("./7"), Netns::Path("./7".into()));
        assert_eq!(netns("blue"), Netns::Name("blue".into()));
        assert_eq!(netns("99999999999"), Netns::Name("99999999999".into()));
    }

    #[test]
    fn a_file_stands_for_its_namespace() {
        let inode = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
        assert_eq!(u64::from(netns("/proc/self/ns/net").inode().unwrap()), inode);
        assert_eq!(netns("7").inode().unwrap(), 7);
    }

    #[test]
    fn what_is_no_namespace_is_named() {
        let error = netns("/proc/self/stat").inode().unwrap_err().to_string();
        assert!(error.contains("/proc/self/stat") && error.contains("no namespace"), "{error}");
        let error = netns("no-such-name").inode().unwrap_err().to_string();
        assert!(error.contains("no-such-name") && error.contains("/run/netns"), "{error}");
    }
}
