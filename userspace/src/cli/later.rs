//! Arguments that clap hears of only once somebody types the subcommand whose they are. Most of what
//! parsing a command line costs is to describe what was not typed.

use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The arguments of a subcommand.
#[derive(Clone)]
pub struct Later<T>(T);

impl<T: Debug> Debug for Later<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args> Args for Later<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(described::<T>)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Adds the arguments, and leaves what the subcommand says of itself.
fn described<T: Args>(command: Command) -> Command {
    let about = command.get_about().cloned();
    let long_about = command.get_long_about().cloned();
    let described = T::augment_args(command);
    let described = described.about(resettable(about));
    described.long_about(resettable(long_about))
}

fn resettable<T>(value: Option<T>) -> Resettable<T> {
    value.map_or(Resettable::Reset, Resettable::Value)
}
