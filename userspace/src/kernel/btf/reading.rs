//! How the kernel's types are read: mapped where it allows that, and else from a copy, on two
//! threads either way.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use btf_rs::{Backend, Btf};
use memmap2::{Mmap, MmapOptions};
use rustix::fs::{MemfdFlags, memfd_create};

use super::names::{self, Names, Sections};
use super::{BtfError, VMLINUX};

/// How much is copied at once, in bytes. No name is longer.
const PIECE: usize = 1 << 16;

/// The running kernel's types, and the ids of the wanted ones.
pub(super) fn of_this_kernel(wanted: &[&str]) -> Result<(Btf, Vec<u32>), BtfError> {
    let shown = File::open(VMLINUX).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BtfError::Missing,
        _ => BtfError::Read(error),
    })?;
    // A kernel before 6.16 does not let its file be mapped; a copy of it can be.
    match map(&shown) {
        Ok(map) => mapped(&map, VMLINUX, wanted),
        Err(_) => copied(&shown, wanted),
    }
}

fn mapped(types: &[u8], path: &str, wanted: &[&str]) -> Result<(Btf, Vec<u32>), BtfError> {
    thread::scope(|scope| {
        let parsed = scope.spawn(|| parse(path));
        let ids = names::find(types, wanted);
        Ok((joined(parsed)?, ids.ok_or_else(unknown)?))
    })
}

/// The same of a file that cannot be mapped. The kernel gives its own by the page, so this is among
/// what takes longest at the start: the names are copied, and gone through, by another thread than
/// the rest.
pub(super) fn copied(shown: &File, wanted: &[&str]) -> Result<(Btf, Vec<u32>), BtfError> {
    let mut header = [0; Sections::HEADER];
    shown.read_exact_at(&mut header, 0).map_err(unread)?;
    let Sections { types, names } = Sections::of(&header);
    let len = shown.metadata().map_err(BtfError::Read)?.len();
    let copy = memory(len).map_err(BtfError::Read)?;
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    thread::scope(|scope| {
        let found = scope.spawn(|| {
            let mut found = Names::new(wanted);
            fill(&copy, shown, names.clone(), |piece| found.pass(piece))?;
            Ok(found)
        });
        let rest = fill(&copy, shown, 0..names.start, <[u8]>::len)
            .and_then(|()| fill(&copy, shown, names.end..len, <[u8]>::len));
        // The parser looks at no name yet.
        let parsed = rest.map(|()| scope.spawn(|| parse(&path)));
        let found = joined(found).map_err(unread)?;
        let parsed = parsed.map_err(unread)?;
        let map = map(&copy).map_err(BtfError::Read)?;
        let ids = names::section(&map, types).and_then(|types| found.ids(types));
        Ok((joined(parsed)?, ids.ok_or_else(unknown)?))
    })
}

/// Parses a file by mapping it: the parser's other backend takes 70 times as long and 30 MB.
fn parse(path: &str) -> Result<Btf, BtfError> {
    Btf::from_file_with_backend(path, Backend::Mmap).map_err(BtfError::Parse)
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: nobody changes these bytes: the kernel's types are what it was built with, and of a
    // copy in memory nobody else knows; it is mapped when it is complete.
    unsafe { MmapOptions::new().map_copy_read_only(file) }
}

/// A file in memory, which can be mapped.
pub(super) fn memory(len: u64) -> io::Result<File> {
    let file = File::from(memfd_create("btf", MemfdFlags::CLOEXEC)?);
    file.set_len(len)?;
    Ok(file)
}

/// Copies a part of a file, and has each piece looked at on the way. What `pass` leaves of one is
/// shown to it again, with the next.
fn fill(
    copy: &File,
    from: &File,
    Range { mut start, end }: Range<u64>,
    mut pass: impl FnMut(&[u8]) -> usize,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut left = 0;
    while start < end && left < PIECE {
        let room = PIECE - left;
        let room = usize::try_from(end - start).map_or(room, |rest| rest.min(room));
        // Many small reads, but one write.
        let new = &mut piece[left..left + room];
        from.read_exact_at(new, start)?;
        copy.write_all_at(new, start)?;
        start += room as u64;
        let passed = pass(&piece[..left + room]);
        piece.copy_within(passed..left + room, 0);
        left = left + room - passed;
    }
    if left == 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn unknown() -> BtfError {
    BtfError::Parse(btf_rs::Error::Format("unknown layout of types".to_owned()))
}

/// A file that ends too early is one of an unknown layout.
fn unread(error: io::Error) -> BtfError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => unknown(),
        _ => BtfError::Read(error),
    }
}
