//! The manual page, from the command line's definition and the catalogue.
//!
//! Its sections are those that pages of tracing tools have. What neither the definition nor the
//! catalogue knows is written here, once.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use roff::{Inline, Roff, bold, roman};
use syndrop::catalogue;
use syndrop::cli::Cli;

const REQUIREMENTS: &[&str] =
    &["Linux 5.10 or later on x86-64, with kernel types (CONFIG_DEBUG_INFO_BTF, to be seen as \
     /sys/kernel/btf/vmlinux) and kprobes (CONFIG_KPROBE_EVENTS). Root, or CAP_BPF and \
     CAP_PERFMON; CAP_SYS_ADMIN too where kernel.perf_event_paranoid is above 2. The kernel must \
     not be locked down for confidentiality. syndrop doctor says which of it is missing, and what \
     helps. replay, report, explain and completions need none of it."];

const FIELDS: &[(&str, &str)] = &[
    ("TIME", "When the packet was refused, in this host's time zone."),
    ("LISTENER", "The address and port that the packet was for."),
    ("PEER", "The client's address and port."),
    (
        "REASON",
        "The branch of the kernel that refused it, by its id; then #N for the Nth attempt of the \
         same connection. REASONS lists them, syndrop explain ID tells all of one.",
    ),
    (
        "ACCEPT-Q",
        "How many finished connections waited for accept(), and the limit: the smaller one of \
         listen()'s backlog and net.core.somaxconn. 9>8 is over the limit, which is where the \
         kernel refuses; a queue of limit N holds N + 1.",
    ),
    ("SYN-Q", "How many handshakes were unfinished, and the same limit."),
    (
        "inferred",
        "At the end of a line: the reason was deduced from state. Without the word, probes saw \
         the branch.",
    ),
];

const OVERHEAD: &[&str] = &[
    "Probes run for packets of handshakes only: SYNs, packets for half-open requests, and packets \
     that reach a listener itself. Data of established connections passes none of them, unless \
     --before-listener is given: the kernel decides these drops where every incoming TCP packet \
     passes, and a probe runs for each.",
    "A drop is counted in the kernel; its event costs a record in a ring buffer. If the reader is \
     slow, events are lost and said to be, and the totals stay exact. A filter applies in the \
     kernel: what it hides makes no event.",
    "Measured by counting instructions on Debian's 6.12.118 (cargo xtask bench): a connection that is \
     made, accepted and closed over loopback takes 85,800 of them; watching it adds 2,400 by fentry \
     (2.8 %), 7,030 by kprobes (8.2 %). A SYN that a full accept queue drops takes 8,740; to count it \
     adds 560 by fentry; counting all and telling a thousand a second adds 700, by kprobes 1,760; to \
     tell every one (--detail all) adds 5,630, of which 2,460 are syndrop's own process. Peak memory \
     was 19 MB by fentry, 12 MB by kprobes, 23 MB with --detail all.",
    "What it costs on a machine, --stats tells there: the kernel measures every run of each probe. It \
     then reads the clock twice for each run of any BPF program, so it is off until asked for.",
    "To attach and to detach some forty probes takes the kernel a second or so; where it waits for \
     all tasks after each function that fentry lets go (6.12 does), the end takes several seconds, \
     after the summary. When syndrop ends, by whatever \
     means, the kernel takes all of its programs away.",
];

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "It ended normally, by Ctrl-C, SIGTERM or a reader that went away, too."),
    ("1", "Drops were seen, with --fail-on-drop or run."),
    ("2", "Wrong usage, or it could not run."),
    ("69", "This kernel cannot do it."),
    ("77", "Rights are missing."),
];

const EXIT_STATUS_OF_RUN: &[(&str, &str)] = &[
    ("that of CMD", "It failed; 128 + N if signal N killed it."),
    ("1", "CMD succeeded, and more drops were seen than allowed."),
    ("0", "Neither."),
    ("125", "syndrop itself failed. If it could not trace, CMD has not run."),
    ("126", "CMD cannot be executed."),
    ("127", "CMD is not there."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "If it is set and not empty, there are no colours, in top neither."),
    (
        "TERM, LC_ALL, LC_CTYPE, LANG",
        "top draws with blocks where the locale is one of UTF-8 and the terminal is not the console \
         of Linux, else with plain signs.",
    ),
    ("TZ", "The time zone that times are shown in."),
];

/// Pages of others that belong beside this one.
const SEE_ALSO: &str = "ss(8), nstat(8), listen(2), accept(2), tcp(7), bpf(2), capabilities(7), \
                        dropwatch(1), tcpdrop-bpfcc(8), tcpsynbl-bpfcc(8)";

/// The whole page.
pub(crate) fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).section("8").manual("System Administration").date("");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    let mut page = String::from_utf8(page).unwrap();
    let mut rest = Roff::new();
    synopsis(&mut rest, &command);
    description(&mut rest, &command);
    paragraphs(&mut rest, "REQUIREMENTS", REQUIREMENTS);
    page += &rest.render().replace(PREAMBLE, "");
    page += &options(&command);
    let mut rest = Roff::new();
    examples(&mut rest, &command);
    rest.control("SH", ["FIELDS"]);
    terms(&mut rest, FIELDS);
    reasons(&mut rest);
    paragraphs(&mut rest, "OVERHEAD", OVERHEAD);
    rest.control("SH", ["EXIT STATUS"]);
    terms(&mut rest, EXIT_STATUS);
    rest.control("SS", ["Of run"]);
    terms(&mut rest, EXIT_STATUS_OF_RUN);
    rest.control("SH", ["ENVIRONMENT"]);
    terms(&mut rest, ENVIRONMENT);
    paragraphs(&mut rest, "SEE ALSO", &[SEE_ALSO]);
    page += &rest.render().replace(PREAMBLE, "");
    page
}

/// What each rendered part begins with; one is enough.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|it| it.get_name() != "help" && !it.is_hide_set())
}

fn synopsis(page: &mut Roff, command: &Command) {
    page.control("SH", ["SYNOPSIS"]);
    for (nth, command) in commands(command).enumerate() {
        if nth > 0 {
            page.control("br", []);
        }
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").trim();
        let (name, arguments) = usage.split_at(command.get_bin_name().unwrap_or("").len());
        page.text([bold(name), roman(arguments)]);
    }
}

fn description(page: &mut Roff, command: &Command) {
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "syndrop watches a kernel's TCP listeners by eBPF and names every connection that they \
         refuse: the branch of the kernel that fired, both queues at that moment, the limit that \
         bit, and who owns the listener. When it ends, it compares what it saw with the kernel's \
         own counters. Its commands, of which trace is the one that it does if nothing is said:",
    )]);
    for command in commands(command) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        term(page, command.get_name(), &about);
    }
}

/// The options of each command; the filters, which are the same everywhere, once.
fn options(command: &Command) -> String {
    let mut page = Roff::new();
    page.control("SH", ["OPTIONS"]);
    let mut page = page.render().replace(PREAMBLE, "");
    let mut filters = String::new();
    for command in commands(command) {
        let mut rendered = Vec::new();
        Man::new(command.clone()).render_options_section(&mut rendered).unwrap();
        let rendered = String::from_utf8(rendered).unwrap().replace(PREAMBLE, "");
        let (own, common) = rendered.split_once(".SH FILTERS\n").unwrap_or((&rendered, ""));
        let title = format!(".SS {}\n", command.get_name());
        page += &own.replacen(".SH OPTIONS\n", &title, 1);
        if filters.is_empty() {
            common.clone_into(&mut filters);
        }
    }
    page + ".SS Filters, the same everywhere\n" + &filters
}

fn examples(page: &mut Roff, command: &Command) {
    page.control("SH", ["EXAMPLES"]);
    for command in commands(command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<_> = help
            .lines()
            .skip_while(|line| *line != "Examples:")
            .skip(1)
            .take_while(|line| line.starts_with("  "))
            .collect();
        for line in lines {
            let (typed, does) = match line.trim().split_once("   ") {
                Some((typed, does)) => (typed, does.trim()),
                None => (line.trim(), ""),
            };
            page.control("TP", []);
            page.text([bold(typed)]);
            page.text([roman(does)]);
        }
    }
}

fn reasons(page: &mut Roff) {
    page.control("SH", ["REASONS"]);
    let drop = |entry: &&catalogue::Entry| !entry.reason.is_notice();
    for entry in catalogue::all().filter(drop) {
        term(page, entry.slug, &format!("{}. {}", entry.headline, entry.remedy));
    }
    page.control("SS", ["Notices, which are no drops"]);
    for entry in catalogue::all().filter(|entry| !drop(entry)) {
        term(page, entry.slug, &format!("{}. {}", entry.headline, entry.remedy));
    }
}

fn paragraphs(page: &mut Roff, title: &str, texts: &[&str]) {
    page.control("SH", [title]);
    for (nth, text) in texts.iter().enumerate() {
        if nth > 0 {
            page.control("PP", []);
        }
        page.text([roman(*text)]);
    }
}

fn terms(page: &mut Roff, rows: &[(&str, &str)]) {
    for (name, text) in rows {
        term(page, name, text);
    }
}

fn term(page: &mut Roff, name: &str, text: &str) {
    let text: Vec<Inline> = vec![roman(text)];
    page.control("TP", []);
    page.text([bold(name)]);
    page.text(text);
}
