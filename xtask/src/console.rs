//! The kernel's own words on its console: kept for errors, searched for the end of the world.

use std::collections::VecDeque;

/// Lines that go into an error where the kernel did not break down.
const TAIL: usize = 40;
/// Lines from shortly before a fatal one on: the registers and the whole trace.
const REPORT: usize = 120;

/// What a kernel says when nothing after it can be trusted.
const FATAL: &[&str] = &[
    "Kernel panic - not syncing",
    "watchdog: BUG: soft lockup",
    "BUG: kernel NULL pointer dereference",
    "BUG: unable to handle",
    "BUG: scheduling while atomic",
    // With a comma or a colon: a program's own is logged without.
    "general protection fault, ",
    "general protection fault: ",
    "Oops: ",
    "kernel BUG at ",
    "Out of memory and no killable processes",
];

/// The last lines of a console, or those around the first fatal one.
#[derive(Debug, Default)]
pub(crate) struct Console {
    tail: VecDeque<String>,
    fatal: Option<String>,
}

impl Console {
    /// Takes the next line.
    pub(crate) fn push(&mut self, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        if self.fatal.is_none() && FATAL.iter().any(|text| line.contains(text)) {
            self.fatal = Some(without_time(line).to_owned());
        }
        // What follows the first fatal line tells more than what a dying kernel says last.
        if self.fatal.is_some() && self.tail.len() == REPORT {
            return;
        }
        if self.fatal.is_none() && self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    /// The first line after which the guest is lost.
    pub(crate) fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// The last lines, or those around the first fatal one, indented, for an error.
    pub(crate) fn tail(&self) -> String {
        if self.tail.is_empty() {
            return "the kernel said nothing on its console".to_owned();
        }
        let mut text = "last lines of the guest's console:".to_owned();
        for line in &self.tail {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text
    }
}

/// `[    3.141592] text` is `text`.
fn without_time(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, text)) => text,
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fatal(lines: &[&str]) -> Option<String> {
        let mut console = Console::default();
        for line in lines {
            console.push(line);
        }
        console.fatal().map(str::to_owned)
    }

    #[test]
    fn the_first_fatal_line_counts() {
        let lines = [
            "[    4.1] sysrq: Trigger a crash\r",
            "[    4.2] BUG: kernel NULL pointer dereference, address: 0000000000000000\r",
            "[    4.3] Kernel panic - not syncing: Fatal exception\r",
        ];
        let expected = "BUG: kernel NULL pointer dereference, address: 0000000000000000";
        assert_eq!(fatal(&lines).as_deref(), Some(expected));
    }

    #[test]
    fn a_lockup_on_any_cpu_is_fatal() {
        let line = "[   52.0] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [cat:91]";
        assert_eq!(
            fatal(&[line]).as_deref(),
            Some("watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [cat:91]")
        );
    }

    #[test]
    fn warnings_are_not_fatal() {
        let lines = [
            "[    0.1] WARNING: CPU: 0 PID: 1 at kernel/x.c:1",
            "[    0.2] traps: wrk[99] general protection fault ip:7f0b51256350 sp:7ffef4a36b68",
            "",
        ];
        assert_eq!(fatal(&lines), None);
    }

    #[test]
    fn the_tail_keeps_the_last_lines_only() {
        let mut console = Console::default();
        for number in 0..=TAIL {
            console.push(&format!("line {number}."));
        }
        let tail = console.tail();
        assert!(!tail.contains("line 0."), "{tail}");
        assert!(tail.ends_with(&format!("line {TAIL}.")), "{tail}");
        assert!(Console::default().tail().contains("nothing"));
    }

    #[test]
    fn nothing_pushes_a_fatal_line_out() {
        let mut console = Console::default();
        console.push("[    4.2] BUG: kernel NULL pointer dereference, address: 0000000000000000");
        for number in 0..2 * REPORT {
            console.push(&format!("line {number}."));
        }
        let tail = console.tail();
        assert!(tail.contains("BUG: kernel NULL") && tail.contains("line 0."), "{tail}");
        assert!(tail.lines().count() <= REPORT + 1, "{tail}");
    }
}
