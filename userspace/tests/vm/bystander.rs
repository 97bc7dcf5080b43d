//! Another process with a network namespace and drops of its own, played on command.
//!
//! It is this program once more, as a case that is in no list.

use std::env;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::case::{CHOSEN, Case};
use crate::flow::Family;
use crate::netstat::Counters;
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::setting::Setting;
use crate::verdict;

const NAME: &str = "bystander";

/// What it did.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Elsewhere {
    pub(crate) netns: u64,
    pub(crate) moved: Counters,
}

/// The other process, as seen from this one.
#[derive(Debug)]
pub(crate) struct Bystander {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bystander {
    /// Starts it; its namespace and its listener are there when this returns.
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .env(CHOSEN, NAME)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start a bystander")?;
        let orders = child.stdin.take().context("failed to take stdin")?;
        let answers = BufReader::new(child.stdout.take().context("failed to take stdout")?);
        let mut bystander = Self { child, orders, answers };
        bystander.answer()?;
        Ok(bystander)
    }

    /// Lets it provoke drops.
    pub(crate) fn play(&mut self) -> Result<Elsewhere> {
        writeln!(self.orders, "play")?;
        let answer = self.answer()?;
        serde_json::from_str(&answer).with_context(|| format!("bystander: {answer:?}"))
    }

    /// Lets it go, and its namespace with it.
    pub(crate) fn leave(mut self) -> Result<()> {
        drop(self.orders);
        let status = self.child.wait()?;
        ensure!(status.success(), "bystander: {status}");
        Ok(())
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the bystander ended early");
        Ok(line)
    }
}

/// What the other process runs.
pub(crate) fn case() -> Case {
    Case::new(NAME, || {
        let row = &ACCEPT_QUEUE_FULL_SYN;
        let mut setting = Setting::make(row, Family::V4)?;
        let mut orders = stdin().lines();
        writeln!(stdout(), "ready")?;
        orders.next().transpose()?;
        let played = setting.play(row)?;
        verdict::counters(row, &played)?;
        let elsewhere = Elsewhere { netns: setting.netns, moved: played.moved };
        writeln!(stdout(), "{}", serde_json::to_string(&elsewhere)?)?;
        // The namespace must outlive the trace: until the other end is closed.
        orders.next().transpose()?;
        Ok(())
    })
}
