//! `syndrop metrics`: what Prometheus would read, against the kernel's own counters.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns::{self, Home};
use crate::netstat::Netstat;
use crate::peer::Peer;
use crate::process::{Process, command};
use crate::provoke;
use crate::rig::Rig;

const PORT: u16 = 8080;
const OTHER_PORT: u16 = 8081;
const BACKLOG: i32 = 8;
/// Where metrics are served, in the namespace that every guest begins in.
const SERVED: u16 = 19435;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("metrics::scraped", scraped),
        Case::new("metrics::file", file),
        Case::new("metrics::address-taken", address_taken),
    ]
}

/// Samples of a page by their name and labels, as they are written.
#[derive(Debug)]
struct Page(BTreeMap<String, f64>);

impl Page {
    fn parse(text: &str) -> Result<Self> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').context("it is no sample")?;
            Ok::<_, anyhow::Error>((series.to_owned(), value.parse()?))
        };
        let samples = samples.map(|line| sample(line).with_context(|| format!("line {line:?}")));
        Ok(Self(samples.collect::<Result<_>>()?))
    }

    fn value(&self, series: &str) -> Result<f64> {
        self.0
            .get(series)
            .copied()
            .with_context(|| format!("no {series} among {:?}", self.0.keys()))
    }

    fn ensure(&self, series: &str, expected: impl Into<f64>) -> Result<()> {
        let (value, expected) = (self.value(series)?, expected.into());
        ensure!((value - expected).abs() < 0.5, "{series} is {value}, not {expected}");
        Ok(())
    }

    /// Those that begin so.
    fn of<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let found = self.0.iter().filter(move |(series, _)| series.starts_with(start));
        found.map(|(series, &value)| (series.as_str(), value))
    }
}

/// Head and body of what is answered.
fn get(home: &Home, path: &str, accept: &str) -> Result<(String, String)> {
    home.visit(|| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, SERVED))?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of the head")?;
        Ok((head.to_owned(), body.to_owned()))
    })
}

fn scrape(home: &Home) -> Result<Page> {
    let (head, body) = get(home, "/metrics", "*/*")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    Page::parse(&body)
}

fn start(home: &Home, arguments: &[&str]) -> Result<Process> {
    let mut process =
        home.visit(|| Process::start(command(&[&["metrics"], arguments].concat())))?;
    process.await_ready()?;
    Ok(process)
}

fn labels(address: &str, more: &str) -> Result<String> {
    Ok(format!("{{listener=\"{address}\",netns=\"{}\"{more}}}", netns::inode()?))
}

fn drops(address: &str, reason: &str) -> Result<String> {
    let labels = labels(address, &format!(",reason=\"{reason}\""))?;
    Ok(format!("syndrop_drops_total{labels}"))
}

/// Drops of two kinds at two listeners, in a namespace that syndrop is not in.
fn scraped() -> Result<()> {
    let home = Home::here()?;
    netns::enter_fresh()?;
    let mut peer = Peer::new(0)?;
    let address = peer.link().server(Family::V4);
    let listener = Listener::new(Family::V4, address, PORT, BACKLOG)?;
    let idle = Listener::new(Family::V4, address, OTHER_PORT, BACKLOG)?;
    // Requests of a listener that drops nothing.
    for client in 1..4 {
        peer.open(&peer.flow(Family::V4, client, OTHER_PORT))?;
    }
    let (bound, idle_bound) = (listener.bound().to_string(), idle.bound().to_string());
    let mut rig = Rig::new(peer, listener, Family::V4);
    let second = Peer::new(1)?;
    let listener = Listener::new(Family::V4, second.link().server(Family::V4), PORT, BACKLOG)?;
    let second_bound = listener.bound().to_string();
    let mut second = Rig::new(second, listener, Family::V4);
    let process = start(&home, &["--stats"])?;

    let first = scrape(&home)?;
    for reason in ["accept-queue-full-syn", "accept-queue-full-ack", "syn-queue-full"] {
        first.ensure(&drops(&bound, reason)?, 0)?;
        first.ensure(&drops(&idle_bound, reason)?, 0)?;
    }
    let gauge = |name: &str, address: &str| {
        Ok::<_, anyhow::Error>(format!("{name}{}", labels(address, "")?))
    };
    first.ensure(&gauge("syndrop_accept_queue_limit", &bound)?, BACKLOG)?;
    first.ensure(&gauge("syndrop_syn_queue_limit", &idle_bound)?, BACKLOG)?;
    first.ensure(&gauge("syndrop_syn_queue_length", &idle_bound)?, 3)?;

    let before = Netstat::read()?;
    provoke::accept_queue_full_ack(&mut second, 5)?;
    provoke::accept_queue_full_syn(&mut rig, 3)?;
    let page = scrape(&home)?;
    let moved = Netstat::read()?.moved_since(&before);
    let refused: f64 = page.of("syndrop_drops_total").map(|(_, count)| count).sum();
    let overflows = moved.get("ListenOverflows").copied().unwrap_or(0);
    ensure!(overflows >= 8, "{moved:?}");
    #[expect(clippy::cast_precision_loss, reason = "it is a handful")]
    let expected = overflows as f64;
    ensure!((refused - expected).abs() < 0.5, "{refused} drops, the kernel counted {moved:?}");
    page.ensure(&drops(&bound, "accept-queue-full-syn")?, 3)?;
    page.ensure(&drops(&second_bound, "accept-queue-full-ack")?, 5)?;
    page.ensure(&drops(&bound, "accept-queue-full-ack")?, 0)?;
    page.ensure(&gauge("syndrop_accept_queue_length", &bound)?, BACKLOG + 1)?;
    page.ensure(&drops(&idle_bound, "accept-queue-full-syn")?, 0)?;
    page.ensure("syndrop_lost_events_total", 0)?;
    page.ensure("syndrop_uncounted_drops_total", 0)?;

    // Again, for what only counts once it is seen twice.
    let again = scrape(&home)?;
    for (series, count) in page.of("syndrop_drops_total") {
        ensure!(again.value(series)? >= count, "{series} went back");
    }
    for counter in ["ListenDrops", "ListenOverflows"] {
        let netns = netns::inode()?;
        let series =
            format!("syndrop_unexplained_total{{netns=\"{netns}\",counter=\"{counter}\"}}");
        again.ensure(&series, 0)?;
    }
    let run: Vec<_> = again.of("syndrop_bpf_run_seconds_total").collect();
    let named = run.iter().any(|(series, _)| series.contains("conn_request"));
    ensure!(named && run.iter().all(|(_, seconds)| *seconds > 0.0), "{run:?}");
    let comm = fs::read_to_string("/proc/self/comm")?;
    let info = format!(
        "syndrop_listener_info{}",
        labels(&bound, &format!(",comm=\"{}\"", comm.trim_end()))?
    );
    let info = info.trim_end_matches('}');
    ensure!(again.of(info).count() == 1, "no {info}: {again:?}");
    ensure!(
        again
            .of("syndrop_build_info")
            .next()
            .is_some_and(|(it, _)| it.contains("object_sha256=\""))
    );
    let (head, body) = get(&home, "/metrics", "application/openmetrics-text;version=1.0.0")?;
    ensure!(head.contains("application/openmetrics-text") && body.ends_with("# EOF\n"), "{head}");
    ensure!(get(&home, "/healthz", "*/*")?.1 == "ok\n");

    process.signal(Signal::TERM)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    let url = format!("metrics at http://127.0.0.1:{SERVED}/metrics");
    ensure!(ending.stderr.iter().any(|line| line.contains(&url)), "{ending:?}");
    Ok(())
}

/// A file for node_exporter, of one listener by filter; the other one has no place of its own.
fn file() -> Result<()> {
    let home = Home::here()?;
    netns::enter_fresh()?;
    let peer = Peer::new(0)?;
    let address = peer.link().server(Family::V4);
    let listener = Listener::new(Family::V4, address, PORT, BACKLOG)?;
    let hidden = Listener::new(Family::V4, address, OTHER_PORT, BACKLOG)?;
    let bound = listener.bound().to_string();
    let mut rig = Rig::new(peer, listener, Family::V4);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("syndrop.prom");
    let name = path.to_str().context("failed to name a temporary file")?;
    let netns = netns::inode()?.to_string();
    let port = PORT.to_string();
    let arguments = [
        "-o",
        name,
        "--interval",
        "0.2",
        "-P",
        &port,
        "--netns",
        &netns,
        "--reason",
        "accept-queue-full-syn",
    ];
    let process = start(&home, &arguments)?;
    provoke::accept_queue_full_syn(&mut rig, 3)?;
    let series = drops(&bound, "accept-queue-full-syn")?;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // Once it is there, it is whole at every moment.
        if let Ok(text) = fs::read_to_string(&path) {
            let page = Page::parse(&text)?;
            ensure!(page.of("syndrop_build_info").count() == 1, "it is not whole: {text}");
            if page.value(&series)? > 2.5 {
                break;
            }
        }
        if Instant::now() > deadline {
            bail!("the file does not tell of the drops: {:?}", fs::read_to_string(&path));
        }
        thread::sleep(Duration::from_millis(20));
    }
    rig.refused_syns(2, 0)?;
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)?;
    let page = Page::parse(&fs::read_to_string(&path)?)?;
    page.ensure(&series, 5)?;
    let hidden = labels(&hidden.bound().to_string(), "")?;
    let shown = page.of("syndrop_accept_queue_length").collect::<Vec<_>>();
    ensure!(!shown.iter().any(|(it, _)| it.contains(&hidden)) && shown.len() == 1, "{shown:?}");
    ensure!(fs::read_dir(directory.path())?.count() == 1, "something stayed behind");
    Ok(())
}

fn address_taken() -> Result<()> {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = taken.local_addr()?.to_string();
    let ending = Process::start(command(&["metrics", "--listen", &address]))?.wait()?;
    ending.ensure_code(2)?;
    let [line] = &ending.stderr[..] else { bail!("not one line: {ending:?}") };
    ensure!(line.contains(&address) && line.contains("--listen"), "{line}");
    Ok(())
}
