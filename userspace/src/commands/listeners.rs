//! `syndrop listeners`: every listener and both of its queues, once or again and again.

use std::cmp::Reverse;
use std::io::{self, BufWriter, IsTerminal, Write, stderr};
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::thread;

use jiff::Timestamp;

use super::output::{OutputError, colour, create};
use super::{filter, runtime, stop};
use crate::cli::{self, ListenerFilter, SortKey};
use crate::decode::{Family, Listener};
use crate::enrich::{self, OwnedListener};
use crate::exit::{Exit, Failure};
use crate::filter::Notices;
use crate::kernel::Ahead;
use crate::kernel::hooks::Asked;
use crate::kernel::syn_queue::Belief;
use crate::listeners::{Place, Surveyor};
use crate::render::{self, Listeners, Table};
use crate::source::live::{self, Live};
use crate::source::{Settings, Source};

/// Home, then clear to the end: what stays the same does not flicker.
const REDRAW: &[u8] = b"\x1b[H\x1b[J";

pub(super) fn run(arguments: &cli::Listeners) -> Result<Exit, Failure> {
    let place = match &arguments.filter.netns {
        Some(netns) => Place::One(netns.inode()?),
        None if arguments.all_netns => Place::All,
        None => Place::Own,
    };
    let (mut surveyor, (belief, why)) = thread::scope(|scope| {
        let belief = scope.spawn(Belief::form);
        let surveyor = Surveyor::new();
        (surveyor, belief.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let mut assumed = why.filter(|_| !arguments.json);
    let mut out = Out::open(arguments)?;
    // Says whether anybody still reads.
    let mut look = |live: Option<&Live>| -> Result<bool, Failure> {
        let so_far = live.map(Live::so_far).transpose()?;
        let survey = surveyor.look(place)?;
        let time = Timestamp::now();
        for gap in &survey.gaps {
            // Nobody is told that stderr is gone; likewise below.
            let _ = render::failure(&mut stderr(), gap);
        }
        let mut rows = enrich::owned(survey.listeners);
        rows.retain(|row| shows(&arguments.filter, row));
        sort(&mut rows, arguments.sort);
        let matters = |row: &OwnedListener| row.listener.sysctls.syncookies == Some(0);
        if rows.iter().any(matters)
            && let Some(why) = assumed.take()
        {
            let _ = render::failure(&mut stderr(), &Assumed(why));
        }
        out.write(&Table { time, rows: &rows, belief, so_far: so_far.as_ref() })
    };
    let Some(interval) = arguments.watch else {
        look(None)?;
        return Ok(Exit::Ended);
    };
    let stop = stop::watch()?;
    runtime()?.block_on(async {
        tokio::pin!(stop);
        let live = settings(arguments)?
            .map(|settings| live::open(&settings, Ahead::default()))
            .transpose();
        let live = live.map_err(|error| Failure::new(error.exit(), error))?;
        if let Some(live) = &live {
            // Nobody is told that stderr is gone.
            let _ = render::ready(&mut stderr(), live.opening(), false);
        }
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(Exit::Ended),
                _ = ticks.tick() => {
                    if !look(live.as_ref())? {
                        return Ok(Exit::Ended);
                    }
                }
            }
        }
    })
}

/// How to trace, if that is wanted: drops are counted, and none of them is told of.
fn settings(arguments: &cli::Listeners) -> Result<Option<Settings>, Failure> {
    if !arguments.drops && !arguments.latency {
        return Ok(None);
    }
    let of_drops = arguments.filter.of_drops();
    let asked = Asked {
        notices: 0,
        before_listener: of_drops.before_listener(false, &[]),
        accept_latency: arguments.latency,
        listen_calls: true,
    };
    let filter = filter(&of_drops, Notices::None)?;
    Ok(Some(Settings { detail: 0, asked, ..Settings::of(filter) }))
}

/// Which SYN is dropped first is not certain.
#[derive(Debug, thiserror::Error)]
#[error("whether this kernel's SYN queues hold their limit or one more is unknown")]
struct Assumed(#[source] crate::kernel::syn_queue::RuleError);

struct Out {
    name: String,
    data: BufWriter<Box<dyn Write>>,
    format: Listeners,
    redraw: bool,
}

impl Out {
    fn open(arguments: &cli::Listeners) -> Result<Self, Failure> {
        let path = arguments.output.as_deref();
        let format = if arguments.json {
            Listeners::Json
        } else {
            Listeners::Text { colour: path.is_none() && colour(), netns: arguments.all_netns }
        };
        let redraw = path.is_none()
            && arguments.watch.is_some()
            && !arguments.json
            && io::stdout().is_terminal();
        let name = path.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let data = match path {
            Some(path) => create(path)?,
            None => Box::new(io::stdout()),
        };
        Ok(Self { name, data: BufWriter::with_capacity(1 << 16, data), format, redraw })
    }

    fn write(&mut self, table: &Table<'_>) -> Result<bool, Failure> {
        let redraw = if self.redraw { REDRAW } else { b"" };
        let written = self
            .data
            .write_all(redraw)
            .and_then(|()| self.format.write(&mut self.data, table))
            .and_then(|()| self.data.flush());
        match written {
            Ok(()) => Ok(true),
            Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(source) => Err(OutputError::Write { name: self.name.clone(), source }.into()),
        }
    }
}

fn shows(filter: &ListenerFilter, row: &OwnedListener) -> bool {
    let bound = row.listener.id.bound;
    let port = |bound: SocketAddr| filter.ports.contains(&bound.port());
    let family = |bound: SocketAddr| match filter.family() {
        None => true,
        Some(Family::V4) => bound.is_ipv4(),
        Some(Family::V6) => bound.is_ipv6(),
    };
    let local = |bound: SocketAddr| filter.local.is_none_or(|network| takes(&network, bound.ip()));
    let of_bound = |test: &dyn Fn(SocketAddr) -> bool| bound.is_some_and(test);
    (filter.ports.is_empty() || of_bound(&port))
        && (filter.family().is_none() || of_bound(&family))
        && (filter.local.is_none() || of_bound(&local))
        && row.is_of(&filter.owner())
}

/// Whether a socket bound to this address gets packets for addresses of the network.
fn takes(network: &ipnet::IpNet, bound: IpAddr) -> bool {
    match (network, bound) {
        (ipnet::IpNet::V4(_), IpAddr::V4(_)) | (ipnet::IpNet::V6(_), IpAddr::V6(_)) => {
            network.contains(&bound) || bound.is_unspecified()
        }
        _ => false,
    }
}

fn sort(rows: &mut [OwnedListener], key: SortKey) {
    let place = |listener: &Listener| {
        let bound = listener.id.bound;
        (listener.id.netns, bound.map(|it| (it.port(), it.ip())), listener.id.inode)
    };
    rows.sort_by_cached_key(|row| place(&row.listener));
    match key {
        SortKey::Address => {}
        SortKey::AcceptQueue => {
            rows.sort_by_key(|row| Reverse(row.listener.accept.map(|queue| queue.len)));
        }
        SortKey::SynQueue => rows.sort_by_key(|row| Reverse(row.listener.syn_len)),
        SortKey::Owner => rows.sort_by_cached_key(|row| {
            // What nobody is known to hold comes last.
            let holder = row.holder.as_ref();
            (holder.is_none(), holder.map(|it| (it.first.comm.clone(), it.first.pid)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{ListenerFilter, shows, sort};
    use crate::cli::{Cli, Command, SortKey};
    use crate::decode::{AcceptQueue, Listener, ListenerId, Sysctls};
    use crate::enrich::OwnedListener;

    fn row(bound: &str, len: u32, syn_len: Option<u32>) -> OwnedListener {
        let id = ListenerId { sock: 0, inode: None, netns: Some(1), bound: bound.parse().ok() };
        let accept = Some(AcceptQueue { len, limit: 8 });
        let sysctls = Sysctls::default();
        let listener =
            Listener { id, cookie: None, uid: None, accept, syn_len, syn_young: None, sysctls };
        OwnedListener { listener, holder: None }
    }

    fn filter(words: &str) -> ListenerFilter {
        let line = format!("syndrop listeners {words}");
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Some(Command::Listeners(arguments)) => arguments.filter.clone(),
            _ => panic!("it is not about listeners"),
        }
    }

    #[test]
    fn a_filter_shows_what_was_asked_for() {
        let bound = ["10.0.0.1:80", "0.0.0.0:81", "[::]:80", "[fd00::1]:82"];
        let rows = bound.map(|bound| row(bound, 0, None));
        let cases: [(&str, &[usize]); 8] = [
            ("", &[0, 1, 2, 3]),
            ("-P 80,82", &[0, 2, 3]),
            ("-4", &[0, 1]),
            ("-6", &[2, 3]),
            ("--local 10.0.0.0/8", &[0, 1]),
            ("--local fd00::/8", &[2, 3]),
            ("--local 192.0.2.1", &[1]),
            // Nobody is known to hold any of them.
            ("--pid 1", &[]),
        ];
        for (words, expected) in cases {
            let filter = filter(words);
            let shown: Vec<_> = (0..4).filter(|&nth| shows(&filter, &rows[nth])).collect();
            assert_eq!(shown, expected, "{words}");
        }
    }

    #[test]
    fn the_longest_queue_comes_first_and_an_unknown_one_last() {
        let order = |key| {
            let mut rows = [
                row("10.0.0.2:80", 1, Some(2)),
                row("10.0.0.1:80", 3, None),
                row("10.0.0.1:9", 2, Some(7)),
            ];
            sort(&mut rows, key);
            rows.map(|row| row.listener.accept.unwrap().len)
        };
        assert_eq!(order(SortKey::Address), [2, 3, 1]);
        assert_eq!(order(SortKey::AcceptQueue), [3, 2, 1]);
        assert_eq!(order(SortKey::SynQueue), [2, 1, 3]);
        assert_eq!(order(SortKey::Owner), [2, 3, 1]);
    }
}
