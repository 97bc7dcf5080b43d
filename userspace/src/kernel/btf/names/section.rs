//! A section of the file, read piece by piece from its beginning to its end.

use std::ffi::CStr;
use std::io::{Read, Seek, SeekFrom, Take};

use super::{BtfError, unknown, unread};

/// How much is read at once. The kernel gives four kilobytes of its own file at a time anyway.
const PIECE: usize = 1 << 16;

/// What is left of a section.
pub(super) struct Section<R> {
    file: Take<R>,
    /// What was read last.
    piece: Vec<u8>,
    /// How much of that was taken.
    taken: usize,
}

impl<R: Read + Seek> Section<R> {
    /// The section of this length from this offset.
    pub(super) fn new(mut file: R, from: u64, len: u32) -> Result<Self, BtfError> {
        file.seek(SeekFrom::Start(from)).map_err(unread)?;
        Ok(Self { file: file.take(len.into()), piece: Vec::new(), taken: 0 })
    }
}

impl<R: Read> Section<R> {
    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.taken == self.piece.len() && self.file.limit() == 0
    }

    /// The next bytes, so many of them.
    pub(super) fn take(&mut self, len: usize) -> Result<&[u8], BtfError> {
        while self.piece.len() - self.taken < len {
            self.read_on()?;
        }
        let from = self.taken;
        self.taken += len;
        Ok(&self.piece[from..self.taken])
    }

    /// The next string.
    pub(super) fn string(&mut self) -> Result<&[u8], BtfError> {
        let len = loop {
            match CStr::from_bytes_until_nul(&self.piece[self.taken..]) {
                Ok(string) => break string.count_bytes(),
                Err(_) => self.read_on()?,
            }
        };
        let string = self.take(len + 1)?;
        Ok(&string[..len])
    }

    /// Reads more; what was not taken yet stays.
    fn read_on(&mut self) -> Result<(), BtfError> {
        self.piece.drain(..self.taken);
        self.taken = 0;
        if self.piece.len() == self.piece.capacity() {
            self.piece.reserve(PIECE);
        }
        let room = self.piece.capacity() - self.piece.len();
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        let read = (&mut self.file).take(room).read_to_end(&mut self.piece).map_err(unread)?;
        if read == 0 { Err(unknown()) } else { Ok(()) }
    }
}
