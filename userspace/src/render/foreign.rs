//! Strings that others chose: names of processes, paths, words of a recording.
//!
//! Whoever may name a process must not be able to steer the terminal of whoever watches it.

use std::fmt::{self, Write};

/// Shows a foreign string on one line, with everything escaped that does not print as itself.
#[derive(Debug, Clone, Copy)]
pub struct Foreign<'a>(pub &'a str);

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if prints_as_itself(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Whether a terminal shows a character and does nothing else with it.
pub(super) fn prints_as_itself(c: char) -> bool {
    !c.is_control() && !turns_or_hides(c)
}

/// Characters that change the direction of what follows, or take no place at all.
fn turns_or_hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::Foreign;

    #[test]
    fn ordinary_names_are_left_alone() {
        for name in ["nginx", "my app", "a\"b'c\\d", "名前", "/system.slice/a-b@1.service"] {
            assert_eq!(Foreign(name).to_string(), name);
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_that_does_not_print() {
        let rows = [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("a\u{200b}b\u{2028}", "a\\u{200b}b\\u{2028}"),
        ];
        for (name, shown) in rows {
            assert_eq!(Foreign(name).to_string(), shown);
        }
    }
}
