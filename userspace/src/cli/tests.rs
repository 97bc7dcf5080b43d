use clap::{CommandFactory, Parser};
use ebpf_probes::{Reason, Stage};

use super::{Cli, Command};
use crate::decode::Family;
use crate::filter::Netns;
use crate::top::SortBy;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap()
}

#[test]
fn clap_finds_nothing_wrong_with_it() {
    Cli::command().debug_assert();
}

#[test]
fn to_trace_is_what_it_does_if_nothing_is_said() {
    let bare = parse("syndrop -d 10s -c 3 -v --json -o x --fail-on-drop");
    assert!(bare.command.is_none());
    let Some(Command::Trace(said)) =
        parse("syndrop trace --duration 10 --count 3 --verbose --json --output x --fail-on-drop")
            .command
    else {
        panic!("it is no trace");
    };
    assert_eq!(format!("{:?}", bare.trace), format!("{said:?}"));
    assert_eq!(said.duration.map(|it| it.as_secs()), Some(10));
}

#[test]
fn filters_are_the_same_everywhere() {
    let words = "-P 80,443 --port 8080 --local 10.0.0.0/8 --peer ::1 -6 --netns blue \
                 --reason syn-queue-full,unattributed --stage ack,cookie-ack";
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let replay = parse(&format!("syndrop replay {words} file"));
    let Some(Command::Replay(replay)) = replay.command else { panic!("it is no replay") };
    let filter = &replay.filter;
    assert_eq!(filter.ports, [80, 443, 8080]);
    assert_eq!(filter.local.as_ref().unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(filter.peer.as_ref().unwrap().to_string(), "::1/128");
    assert_eq!(filter.family(), Some(Family::V6));
    assert_eq!(filter.netns, Some(Netns::Name("blue".into())));
    assert_eq!(filter.reasons, [Reason::SynQueueFull, Reason::Unattributed]);
    assert_eq!(filter.stages, [Stage::Ack, Stage::CookieAck]);
    let trace = parse(&format!("syndrop {words}")).trace.filter;
    assert_eq!(format!("{filter:?}"), format!("{trace:?}"));
    let top = parse(&format!("syndrop top -i 5s --sort rate {words}"));
    let Some(Command::Top(top)) = top.command else { panic!("it is no top") };
    assert_eq!(format!("{filter:?}"), format!("{:?}", top.filter));
    assert_eq!((top.interval.as_secs(), top.sort), (5, SortBy::Rate));
    assert_eq!(parse("syndrop -4").trace.filter.family(), Some(Family::V4));
    assert_eq!(parse("syndrop").trace.filter.family(), None);
}

#[test]
fn listeners_are_watched_at_a_pace_of_one_s_own_or_not() {
    let watch = |line: &str| match parse(line).command {
        Some(Command::Listeners(arguments)) => arguments.watch.map(|it| it.as_millis()),
        _ => panic!("it is not about listeners"),
    };
    assert_eq!(watch("syndrop listeners"), None);
    assert_eq!(watch("syndrop listeners --watch"), Some(2000));
    assert_eq!(watch("syndrop listeners -w 0.5 -4"), Some(500));
    let both = ["syndrop", "listeners", "--all-netns", "--netns", "blue"];
    assert!(Cli::try_parse_from(both).is_err());
}

/// Running text is wrapped to the terminal's width; what is laid out by hand must fit.
#[test]
fn examples_and_lists_fit_80_columns() {
    let mut command = Cli::command();
    command.build();
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let help = [command.get_after_help(), command.get_after_long_help()];
        for text in help.into_iter().flatten().map(ToString::to_string) {
            let mut by_hand = text.lines().filter(|line| line.starts_with("  "));
            let long = by_hand.find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{}", command.get_name());
        }
    }
}
