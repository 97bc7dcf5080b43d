//! The page of `syndrop report` in a real browser, as it is laid out on a desk and on a phone.
//!
//! The page may run nothing, so a second page looks at it: it holds it in a frame of the device's
//! width, measures what is there, and leaves the numbers where they can be read.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::browser::{Browser, Visit};
use crate::{artifact, bpf, command};

/// Six drops at six moments, two clients that got in late and one that did not.
const RECORDING: &str = "userspace/tests/cli/notices.ndjson";
/// What somebody might call a process.
const EVIL: &str = "<img src='http://127.0.0.1:9/x' onerror='throw 1'><script>throw 2</script>";
/// Desk and phone, in CSS pixels.
const WIDTHS: [u32; 2] = [1280, 390];
/// Less is not legible.
const SMALLEST_TEXT: f64 = 11.0;

/// What the second page measures.
#[derive(Debug, Deserialize)]
struct Facts {
    title: String,
    /// Of the content, and of the frame that it has to fit in.
    content: u32,
    room: u32,
    /// Bars that have a size.
    drops: usize,
    accept: usize,
    over: usize,
    syn: usize,
    limits: usize,
    listeners: usize,
    clients: usize,
    counters: usize,
    articles: usize,
    owner: String,
    smallest: f64,
    scripts: usize,
    images: usize,
    /// Of the background, 0 is black.
    brightness: u32,
}

/// Makes the page and looks at it.
pub(crate) fn check() -> Result<()> {
    let syndrop = artifact::syndrop()?;
    let browser = Browser::new()?;
    let directory = tempfile::tempdir().context("failed to create a directory")?;
    let path = |name: &str| directory.path().join(name);
    let recording = bpf::workspace().join(RECORDING);
    let text = fs::read_to_string(&recording)
        .with_context(|| format!("failed to read {}", recording.display()))?;
    let renamed = text.replace("\"comm\":\"nginx\"", &format!("\"comm\":\"{EVIL}\""));
    ensure!(renamed != text, "the recording names no nginx any more");
    let (evil, page) = (path("evil.ndjson"), path("page.html"));
    fs::write(&evil, renamed).context("failed to write a recording")?;
    command::read(Command::new(syndrop).arg("report").arg(&evil).arg("-o").arg(&page))?;

    can_fail(&browser, &path("broken.html"))?;
    let alone = browser.visit(&page, WIDTHS[0], false)?;
    clean(&alone).context("the page by itself")?;
    let html = fs::read_to_string(&page).context("failed to read the page")?;
    for (width, dark) in WIDTHS.into_iter().flat_map(|width| [(width, false), (width, true)]) {
        let frame = path("frame.html");
        fs::write(&frame, framed(&html, width)).context("failed to write a page")?;
        let visit = browser.visit(&frame, width, dark)?;
        let holds = clean(&visit).and_then(|()| right(&facts(&visit)?, dark));
        holds.with_context(|| format!("{width} pixels wide, dark: {dark}"))?;
    }
    Ok(())
}

/// A browser that would not notice is no proof.
fn can_fail(browser: &Browser, page: &Path) -> Result<()> {
    let broken = "<!doctype html><img src='http://127.0.0.1:9/x'><script>throw 1</script>";
    fs::write(page, broken).context("failed to write a page")?;
    let visit = browser.visit(page, WIDTHS[0], false)?;
    ensure!(
        visit.console.iter().any(|line| line.contains("Uncaught")) && visit.requests.len() == 1,
        "an error and a request were not noticed: {visit:?}"
    );
    Ok(())
}

fn clean(visit: &Visit) -> Result<()> {
    ensure!(visit.console.is_empty(), "the console says {:?}", visit.console);
    ensure!(visit.requests.is_empty(), "it asks the network for {:?}", visit.requests);
    Ok(())
}

/// A page that measures the other one.
fn framed(html: &str, width: u32) -> String {
    let quoted = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'>\
         <body style='margin:0'><iframe style='border:0;width:{width}px;height:900px' \
         srcdoc=\"{quoted}\"></iframe><script>{}</script>",
        include_str!("page/measure.js")
    )
}

fn facts(visit: &Visit) -> Result<Facts> {
    let rest = visit.document.split_once("data-facts=\"").map(|(_, rest)| rest);
    let facts = rest.and_then(|rest| rest.split('"').next()).context("nothing was measured")?;
    let facts = facts.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    let facts = facts.replace("&amp;", "&");
    serde_json::from_str(&facts).with_context(|| format!("failed to read {facts}"))
}

fn right(facts: &Facts, dark: bool) -> Result<()> {
    let counts = [facts.drops, facts.accept, facts.over, facts.syn];
    // Half of the drops met an empty SYN queue, for which there is no bar.
    ensure!(counts == [6, 6, 6, 2], "bars: {facts:?}");
    ensure!(facts.limits >= 2, "lines of limits: {facts:?}");
    let rows = [facts.listeners, facts.clients, facts.counters, facts.articles];
    ensure!(rows == [1, 2, 2, 2], "rows: {facts:?}");
    ensure!(facts.title.contains("web1"), "the title: {facts:?}");
    ensure!(facts.owner.contains(EVIL), "a name is not shown as it is: {facts:?}");
    ensure!((facts.scripts, facts.images) == (0, 0), "a name became markup: {facts:?}");
    ensure!(facts.content <= facts.room, "wider than the window: {facts:?}");
    ensure!(facts.smallest >= SMALLEST_TEXT, "too small to be read: {facts:?}");
    ensure!((facts.brightness < 64) == dark && (facts.brightness > 192) != dark, "{facts:?}");
    Ok(())
}
