//! What the terminal is written by: the usual backend, but the size is that of the very terminal
//! that is written to, and nothing is ever asked of it, since keys are read on another thread.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::OwnedFd;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use rustix::termios::tcgetwinsize;

/// A frame is written at once, so that none is seen in the making.
const FRAME: usize = 1 << 17;
/// Of a terminal that does not know: some serial ones.
const USUAL: Size = Size { width: 80, height: 24 };

/// A terminal to write to.
pub(super) struct Tty {
    usual: CrosstermBackend<BufWriter<File>>,
    tty: OwnedFd,
}

impl Tty {
    pub(super) fn new(tty: OwnedFd) -> io::Result<Self> {
        let out = BufWriter::with_capacity(FRAME, File::from(tty.try_clone()?));
        Ok(Self { usual: CrosstermBackend::new(out), tty })
    }
}

impl Backend for Tty {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.usual.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.usual.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.usual.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.usual.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.usual.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.usual.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(&self.tty)?;
        let known = size.ws_col > 0 && size.ws_row > 0;
        Ok(if known { Size { width: size.ws_col, height: size.ws_row } } else { USUAL })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.usual)
    }
}
