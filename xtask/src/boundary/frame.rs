//! The frames on the virtio port: one kind byte, four bytes of length (little endian), payload.
//!
//! One stream for everything keeps the order of what a command wrote to its two outputs, and the
//! verdict can never overtake the last line.

use std::io::{self, Read, Write};

/// Longer payloads are not sent, so a longer length on the wire is a broken stream.
pub const MAX_PAYLOAD: usize = 1 << 20;

const HEADER: usize = 5;

/// What the guest tells the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The guest is set up and starts the command.
    Ready,
    /// Bytes that the command wrote to its standard output.
    Stdout(Vec<u8>),
    /// Bytes that the command wrote to its standard error.
    Stderr(Vec<u8>),
    /// A file from [`crate::plan::OUT_DIR`] begins; its path relative to that directory.
    File(String),
    /// The next bytes of the file begun last.
    FileBytes(Vec<u8>),
    /// The guest could not be set up, so there is no command to judge.
    Broken(String),
    /// The command's exit status, 128 + n if signal n killed it. The last report.
    Verdict(i32),
}

/// What the host tells the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Send the command's process group a SIGINT.
    Interrupt,
}

impl Report {
    /// Writes this report as one frame.
    ///
    /// # Errors
    /// Whatever the writer returns; payloads over [`MAX_PAYLOAD`] are refused.
    pub fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        let code;
        let (kind, payload): (u8, &[u8]) = match self {
            Self::Ready => (b'R', &[]),
            Self::Stdout(bytes) => (b'1', bytes),
            Self::Stderr(bytes) => (b'2', bytes),
            Self::File(path) => (b'F', path.as_bytes()),
            Self::FileBytes(bytes) => (b'B', bytes),
            Self::Broken(message) => (b'X', message.as_bytes()),
            Self::Verdict(status) => {
                code = status.to_le_bytes();
                (b'V', &code)
            }
        };
        write_frame(writer, kind, payload)
    }

    /// Reads the next report; `None` at an end between two frames.
    ///
    /// # Errors
    /// An end within a frame, or bytes that are no report.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let Some((kind, payload)) = read_frame(reader)? else {
            return Ok(None);
        };
        let report = match kind {
            b'R' => Self::Ready,
            b'1' => Self::Stdout(payload),
            b'2' => Self::Stderr(payload),
            b'F' => Self::File(text(payload)?),
            b'B' => Self::FileBytes(payload),
            b'X' => Self::Broken(text(payload)?),
            b'V' => {
                let code = payload
                    .try_into()
                    .map_err(|_| broken("a verdict that is not four bytes long"))?;
                Self::Verdict(i32::from_le_bytes(code))
            }
            other => return Err(broken(&format!("a frame of unknown kind {other:#04x}"))),
        };
        Ok(Some(report))
    }
}

impl Order {
    /// Writes this order as one frame.
    ///
    /// # Errors
    /// Whatever the writer returns.
    pub fn write_to(self, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Interrupt => write_frame(writer, b'I', &[]),
        }
    }

    /// Reads the next order; `None` when the host has gone.
    ///
    /// # Errors
    /// An end within a frame, or bytes that are no order.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Option<Self>> {
        match read_frame(reader)? {
            None => Ok(None),
            Some((b'I', _)) => Ok(Some(Self::Interrupt)),
            Some((kind, _)) => Err(broken(&format!("an order of unknown kind {kind:#04x}"))),
        }
    }
}

fn write_frame(writer: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_PAYLOAD)
        .ok_or_else(|| broken("a payload over the limit"))?;
    // One write per frame: a virtio port hands each write to the host as one unit.
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.push(kind);
    frame.extend(length.to_le_bytes());
    frame.extend(payload);
    writer.write_all(&frame)
}

fn read_frame(reader: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut kind = [0; 1];
    if reader.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let mut length = [0; HEADER - 1];
    reader.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_PAYLOAD {
        return Err(broken(&format!("a payload of {length} bytes")));
    }
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload)?;
    Ok(Some((kind[0], payload)))
}

fn text(payload: Vec<u8>) -> io::Result<String> {
    String::from_utf8(payload).map_err(|_| broken("text that is not UTF-8"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the port carried {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_survives_the_wire() {
        let reports = [
            Report::Ready,
            Report::Stdout(b"out\xff\n".to_vec()),
            Report::Stderr(Vec::new()),
            Report::File("dir/recording.ndjson".to_owned()),
            Report::FileBytes(vec![7; MAX_PAYLOAD]),
            Report::Broken("failed to mount".to_owned()),
            Report::Verdict(-1),
            Report::Verdict(137),
        ];
        let mut wire = Vec::new();
        for report in &reports {
            report.write_to(&mut wire).expect("a vector takes everything");
        }
        let mut reader = wire.as_slice();
        for report in reports {
            assert_eq!(Report::read_from(&mut reader).expect("a frame"), Some(report));
        }
        assert_eq!(Report::read_from(&mut reader).expect("a clean end"), None);
    }

    #[test]
    fn orders_survive_the_wire() {
        let mut wire = Vec::new();
        Order::Interrupt.write_to(&mut wire).expect("a vector takes everything");
        let mut reader = wire.as_slice();
        assert_eq!(Order::read_from(&mut reader).expect("a frame"), Some(Order::Interrupt));
        assert_eq!(Order::read_from(&mut reader).expect("a clean end"), None);
    }

    #[test]
    fn an_end_within_a_frame_is_an_error() {
        let mut wire = Vec::new();
        Report::Stdout(b"four".to_vec()).write_to(&mut wire).expect("a vector takes everything");
        for length in 1..wire.len() {
            assert!(Report::read_from(&mut &wire[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let too_long = [b'1', 0xff, 0xff, 0xff, 0xff];
        assert!(Report::read_from(&mut too_long.as_slice()).is_err());
        let unknown = [b'?', 0, 0, 0, 0];
        assert!(Report::read_from(&mut unknown.as_slice()).is_err());
        let short_verdict = [b'V', 1, 0, 0, 0, 9];
        assert!(Report::read_from(&mut short_verdict.as_slice()).is_err());
        assert!(Report::Stdout(vec![0; MAX_PAYLOAD + 1]).write_to(&mut Vec::new()).is_err());
    }
}
