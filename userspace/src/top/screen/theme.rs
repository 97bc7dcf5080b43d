//! Colours and signs: what this terminal can show, and its user wants to see.

use jiff::tz::TimeZone;
use ratatui::style::{Color, Modifier, Style};

/// Which signs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks of eighths.
    Unicode,
    /// What every terminal has.
    Ascii,
}

impl Glyphs {
    /// What the locale in these variables lets one hope for.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        // The console of Linux itself has few signs in its font.
        let console = set("TERM").is_some_and(|term| term == "linux");
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        if utf8 && !console { Self::Unicode } else { Self::Ascii }
    }

    /// From nothing to all of it, in steps.
    pub(super) const fn heights(self) -> &'static [char] {
        match self {
            Self::Unicode => &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Self::Ascii => &[' ', '.', ':', '-', '=', '+', '*', '#', '@'],
        }
    }

    /// The same for a bar that grows to the right.
    pub(super) const fn widths(self) -> &'static [char] {
        match self {
            Self::Unicode => &['░', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
            Self::Ascii => &['.', '#'],
        }
    }

    /// What stands for text that is left out.
    pub(super) const fn ellipsis(self) -> char {
        match self {
            Self::Unicode => '…',
            Self::Ascii => '~',
        }
    }

    /// A line across the screen.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::Unicode => "─",
            Self::Ascii => "-",
        }
    }
}

/// How it is drawn.
#[derive(Debug, Clone)]
pub struct Theme {
    /// Whether there are colours, of which sixteen are enough.
    pub colour: bool,
    /// Which signs.
    pub glyphs: Glyphs,
    /// Whose time.
    pub zone: TimeZone,
}

impl Theme {
    fn of(&self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// Titles, and keys.
    pub(super) fn title(&self) -> Style {
        self.of(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What matters less.
    pub(super) fn dim(&self) -> Style {
        // Some terminals show no faint text, and grey of the sixteen is no colour of theirs.
        if self.colour { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    /// What is as it should be.
    pub(super) fn good(&self) -> Style {
        self.of(Color::Green)
    }

    /// What may become bad.
    pub(super) fn doubtful(&self) -> Style {
        self.of(Color::Yellow)
    }

    /// What is bad.
    pub(super) fn bad(&self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What was chosen.
    #[expect(clippy::unused_self, reason = "one of a kind with the others")]
    pub(super) fn chosen(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

#[cfg(test)]
mod tests {
    use super::Glyphs;

    #[test]
    fn signs_are_those_of_the_locale() {
        let of = |variables: &[(&str, &str)]| {
            Glyphs::of(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("LANG", "C.UTF-8")]), Glyphs::Unicode);
        assert_eq!(of(&[("LANG", "de_DE.utf8"), ("LC_ALL", "")]), Glyphs::Unicode);
        assert_eq!(of(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]), Glyphs::Ascii);
        assert_eq!(of(&[("LANG", "C.UTF-8"), ("TERM", "linux")]), Glyphs::Ascii);
        assert_eq!(of(&[]), Glyphs::Ascii);
    }
}
