//! The archive that a guest boots from: a newc cpio, written uncompressed.
//!
//! The kernel unpacks it into the root file system. Uncompressed, because under emulation
//! unpacking costs more than the copy, and the archive lives for one boot only.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType, trailer};

/// Debian's merge: a path below the first lies below the second, and the first is a link.
const MERGED: &[(&str, &str)] =
    &[("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];

/// What lies at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory(u32),
    Symlink(String),
    Bytes(Vec<u8>, u32),
    Host(PathBuf, u32),
    CharDevice { major: u32, minor: u32 },
}

/// An archive in the making; parents of what is added appear by themselves.
#[derive(Debug, Clone)]
pub(crate) struct Initramfs {
    /// Sorted, so a directory always precedes its content, as the kernel wants it.
    nodes: BTreeMap<String, Node>,
}

impl Initramfs {
    /// The merged-usr skeleton and the console that the kernel opens for PID 1.
    pub(crate) fn new() -> Self {
        let mut archive = Self { nodes: BTreeMap::new() };
        for (link, target) in MERGED {
            archive.nodes.insert((*target).to_owned(), Node::Directory(0o755));
            archive.nodes.insert((*link).to_owned(), Node::Symlink((*target).to_owned()));
        }
        archive.add("/dev/console", Node::CharDevice { major: 5, minor: 1 });
        archive
    }

    /// An empty directory.
    pub(crate) fn directory(&mut self, guest: &str, mode: u32) {
        self.add(guest, Node::Directory(mode));
    }

    /// A file with the given content.
    pub(crate) fn bytes(&mut self, guest: &str, content: impl Into<Vec<u8>>, mode: u32) {
        self.add(guest, Node::Bytes(content.into(), mode));
    }

    /// A symbolic link at `guest`.
    pub(crate) fn symlink(&mut self, guest: &str, target: &str) {
        self.add(guest, Node::Symlink(target.to_owned()));
    }

    /// A copy of the host's file. What was added first stays: two programs may bring one library.
    pub(crate) fn host_file(&mut self, guest: &str, host: &Path, mode: u32) {
        let guest = canonical(guest);
        self.parents(&guest);
        if let Slot::Vacant(slot) = self.nodes.entry(guest) {
            slot.insert(Node::Host(host.to_owned(), mode));
        }
    }

    /// How long the copies of the host's files are together.
    pub(crate) fn host_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for node in self.nodes.values() {
            if let Node::Host(host, _) = node {
                let data = fs::metadata(host)
                    .with_context(|| format!("failed to look at {}", host.display()))?;
                sum += data.len();
            }
        }
        Ok(sum)
    }

    /// Writes the archive to `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let file = BufWriter::new(fs::File::create(path)?);
            self.write_to(file)?.flush()?;
            Ok(())
        };
        write().with_context(|| format!("failed to write the guest's archive {}", path.display()))
    }

    fn write_to<W: Write>(&self, mut writer: W) -> Result<W> {
        for (number, (path, node)) in (1..).zip(&self.nodes) {
            let entry = Builder::new(path).ino(number).nlink(1);
            writer = write_node(entry, node, writer)
                .with_context(|| format!("failed to pack {}", node.origin(path)))?;
        }
        Ok(trailer(writer)?)
    }

    fn add(&mut self, guest: &str, node: Node) {
        let guest = canonical(guest);
        self.parents(&guest);
        self.nodes.insert(guest, node);
    }

    fn parents(&mut self, guest: &str) {
        for (end, _) in guest.match_indices('/') {
            self.nodes.entry(guest[..end].to_owned()).or_insert(Node::Directory(0o755));
        }
    }
}

impl Node {
    fn origin(&self, path: &str) -> String {
        match self {
            Self::Host(host, _) => host.display().to_string(),
            _ => path.to_owned(),
        }
    }
}

fn write_node<W: Write>(entry: Builder, node: &Node, writer: W) -> io::Result<W> {
    match node {
        Node::Directory(mode) => {
            let entry = entry.mode(*mode).set_mode_file_type(ModeFileType::Directory);
            entry.write(writer, 0).finish()
        }
        Node::CharDevice { major, minor } => {
            let entry = entry.mode(0o600).set_mode_file_type(ModeFileType::Char);
            entry.rdev_major(*major).rdev_minor(*minor).write(writer, 0).finish()
        }
        Node::Symlink(target) => {
            let entry = entry.mode(0o777).set_mode_file_type(ModeFileType::Symlink);
            write_content(entry, target.as_bytes(), writer)
        }
        Node::Bytes(content, mode) => {
            let entry = entry.mode(*mode).set_mode_file_type(ModeFileType::Regular);
            write_content(entry, content, writer)
        }
        Node::Host(host, mode) => {
            let entry = entry.mode(*mode).set_mode_file_type(ModeFileType::Regular);
            write_content(entry, &fs::read(host)?, writer)
        }
    }
}

fn write_content<W: Write>(entry: Builder, content: &[u8], writer: W) -> io::Result<W> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut writer = entry.write(writer, length);
    writer.write_all(content)?;
    writer.finish()
}

/// Without the leading slash, and below `usr` if the path goes through a merged directory.
fn canonical(guest: &str) -> String {
    let path = guest.trim_start_matches('/');
    for (link, target) in MERGED {
        if let Some(rest) = path.strip_prefix(link).and_then(|rest| rest.strip_prefix('/')) {
            return format!("{target}/{rest}");
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use cpio::newc::Reader;

    use super::*;

    /// Name, mode and content of every entry, read back by the crate's own reader.
    fn read_back(archive: &Initramfs) -> Vec<(String, u32, Vec<u8>)> {
        let bytes = archive.write_to(Vec::new()).expect("an archive");
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        loop {
            let mut reader = Reader::new(rest).expect("an entry");
            if reader.entry().is_trailer() {
                return entries;
            }
            let mut content = Vec::new();
            reader.read_to_end(&mut content).expect("its content");
            entries.push((reader.entry().name().to_owned(), reader.entry().mode(), content));
            rest = reader.finish().expect("its end");
        }
    }

    #[test]
    fn parents_precede_their_content() {
        let mut archive = Initramfs::new();
        archive.bytes("/etc/guest/plan.json", "{}", 0o644);
        let names: Vec<_> = read_back(&archive).into_iter().map(|(name, ..)| name).collect();
        let at = |name: &str| names.iter().position(|entry| entry == name).expect(name);
        assert!(at("etc") < at("etc/guest"));
        assert!(at("etc/guest") < at("etc/guest/plan.json"));
        assert!(at("usr/lib") < names.len(), "the skeleton is there");
    }

    #[test]
    fn each_kind_of_node_keeps_its_mode_and_content() {
        let mut archive = Initramfs::new();
        archive.bytes("/init", "#!", 0o755);
        archive.symlink("/usr/bin/sh", "busybox");
        archive.directory("/out", 0o1777);
        let entries = read_back(&archive);
        let find = |name: &str| entries.iter().find(|entry| entry.0 == name).expect("an entry");
        assert_eq!(find("init").1, 0o100_755);
        assert_eq!(find("init").2, b"#!");
        assert_eq!(find("usr/bin/sh").1, 0o120_777);
        assert_eq!(find("usr/bin/sh").2, b"busybox");
        assert_eq!(find("out").1, 0o041_777);
        assert_eq!(find("dev/console").1, 0o020_600);
    }

    #[test]
    fn paths_through_merged_directories_land_in_usr() {
        assert_eq!(
            canonical("/lib/x86_64-linux-gnu/libc.so.6"),
            "usr/lib/x86_64-linux-gnu/libc.so.6"
        );
        assert_eq!(canonical("/lib64/ld-linux-x86-64.so.2"), "usr/lib64/ld-linux-x86-64.so.2");
        assert_eq!(canonical("/library/x"), "library/x");
        assert_eq!(canonical("/lib"), "lib");
    }

    #[test]
    fn the_first_of_two_host_files_stays() {
        let mut archive = Initramfs::new();
        archive.host_file("/lib/libc.so.6", Path::new("/first"), 0o755);
        archive.host_file("/usr/lib/libc.so.6", Path::new("/second"), 0o755);
        let kept = archive.nodes.get("usr/lib/libc.so.6");
        assert_eq!(kept, Some(&Node::Host(PathBuf::from("/first"), 0o755)));
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let packed = |seconds: u64, adding: [&str; 2]| {
            let host = directory.path().join(format!("program-{seconds}"));
            fs::write(&host, "ELF").expect("a file");
            let changed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = fs::File::options().append(true).open(&host).expect("the file");
            file.set_modified(changed).expect("a time");
            let mut archive = Initramfs::new();
            for guest in adding {
                archive.host_file(guest, &host, 0o755);
            }
            archive.write_to(Vec::new()).expect("an archive")
        };
        let (first, second) = ("/usr/bin/a", "/usr/lib/b");
        assert_eq!(packed(1, [first, second]), packed(1_000_000, [second, first]));
        assert_ne!(packed(1, [first, second]), packed(1, [first, first]));
    }

    #[test]
    fn a_missing_host_file_is_named() {
        let mut archive = Initramfs::new();
        archive.host_file("/usr/bin/x", Path::new("/nonexistent/program"), 0o755);
        let error = archive.write_to(Vec::new()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/program"), "{error}");
    }
}
