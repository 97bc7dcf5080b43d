//! Completions for shells, from the definition of the command line.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};
use ebpf_probes::Reason;

use super::{Cli, ids};
use crate::catalogue::{self, Entry};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Whose completions
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: For,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum For {
    /// bash, with bash-completion
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The script that teaches a shell the command line.
pub fn script(shell: For) -> Vec<u8> {
    let shell = match shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "syndrop", &mut script);
    script
}

/// A parser of ids that can also list them, for shells to complete; help lists them elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) parse: fn(&str) -> Result<Reason, String>,
    pub(super) among: fn(&Entry) -> bool,
}

impl TypedValueParser for Listed {
    type Value = Reason;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Reason, clap::Error> {
        self.parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let entries = catalogue::all().filter(|entry| (self.among)(entry));
        Some(Box::new(entries.map(|entry| PossibleValue::new(entry.slug).help(entry.headline))))
    }
}

/// Any reason.
pub(super) const REASONS: Listed = Listed { parse: ids::reason, among: |_| true };

/// Reasons that are drops.
pub(super) const DROPS: Listed =
    Listed { parse: ids::drop, among: |entry| !entry.reason.is_notice() };

/// Reasons that are none.
pub(super) const NOTICES: Listed =
    Listed { parse: ids::notice, among: |entry| entry.reason.is_notice() };

#[cfg(test)]
mod tests {
    use super::{For, script};
    use crate::catalogue;

    #[test]
    fn each_shell_learns_commands_options_and_ids() {
        for shell in [For::Bash, For::Zsh, For::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for word in ["explain", "doctor", "max-drops", "junit", "cookie-ack"] {
                assert!(script.contains(word), "{shell:?}: {word}");
            }
            for entry in catalogue::all() {
                assert!(script.contains(entry.slug), "{shell:?}: {}", entry.slug);
            }
        }
    }
}
