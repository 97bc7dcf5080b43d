//! Programs that xtask runs for its own ends, not for the user to watch.
//!
//! Their output is kept back and shown only when they fail: a build of many steps is readable
//! while it works, and complete when it breaks.
use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Lines of a failed program's stderr that go into the error.
const TAIL: usize = 12;

/// Runs to the end and returns stdout; a bad exit is an error with the end of stderr in it.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!("failed to run `{}` ({}){}", shown(command), output.status, tail(&output.stderr));
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("failed to read the output of `{}`", shown(command)))
}

/// Runs to the end, whatever the exit status is.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{}`", shown(command)))
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

fn tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let mut shown = String::new();
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        shown.push_str("\n  ");
        shown.push_str(line);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_end_of_stderr() {
        let script = "for i in $(seq 20); do echo line $i >&2; done; exit 3";
        let error = read(Command::new("sh").args(["-c", script])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("line 20"), "{text}");
        assert!(!text.contains("line 8\n"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = read(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }
}
