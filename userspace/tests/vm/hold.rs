//! Two CPUs at one handshake: what the first does is held where a kernel function begins or ends,
//! until the second has done what makes the race.
//!
//! A BPF program at the function's entry or exit turns in circles on that one CPU. So a race that hardly
//! ever happens does so every time, by the kernel's own code and with real packets.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use aya_obj::generated::bpf_insn;

use crate::bpf::{
    Attached, Register, Value, add, call, copy, exit, if_equal, load, place, set, store,
    unless_equal,
};
use crate::setting::{CPU, pin};

/// Where the other acts.
const OTHER_CPU: u32 = 1 - CPU;
/// Only a guard: the packet that should come there may not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers of helpers (include/uapi/linux/bpf.h).
const GET_SMP_PROCESSOR_ID: i32 = 8;
const PROBE_READ_KERNEL: i32 = 113;

/// What is told over the map's value, to the program and by it.
const ARMED: u32 = 1;
const CAUGHT: u32 = 2;
const FREE: u32 = 3;
const ESCAPED: u32 = 4;

/// A turn copies so many bytes onto themselves, for the sake of the time that it takes.
const BYTES: i32 = 512 << 10;
/// After so many turns it goes on by itself; that takes seconds. The kernel takes no program of
/// more than 8192.
const TURNS: i32 = 2048;

/// A place in the kernel where packets can be held.
#[derive(Debug)]
pub(crate) struct Hold {
    function: &'static str,
    state: Value,
    /// What the turns copy.
    _bytes: Value,
    _program: Attached,
}

impl Hold {
    /// Where a function begins.
    pub(crate) fn at(function: &'static str) -> Result<Self> {
        Self::new(function, Attached::to_entry_of)
    }

    /// Where it returns.
    pub(crate) fn after(function: &'static str) -> Result<Self> {
        Self::new(function, Attached::to_exit_of)
    }

    fn new(
        function: &'static str,
        attach: fn(&str, &[bpf_insn]) -> Result<Attached>,
    ) -> Result<Self> {
        let (state, bytes) = (Value::new(size_of::<u32>())?, Value::new(usize::try_from(BYTES)?)?);
        let program = attach(function, &program(&state, &bytes)?)?;
        Ok(Self { function, state, _bytes: bytes, _program: program })
    }

    /// Sends a packet from [`CPU`] and holds it at the function; meanwhile the other CPU acts.
    pub(crate) fn meanwhile(
        &self,
        send: impl FnOnce() -> Result<()>,
        act: impl FnOnce() -> Result<()> + Send,
    ) -> Result<()> {
        self.arm();
        with_other_cpu(send, || self.stop(act))
    }

    /// The next call on [`CPU`] will be held.
    pub(crate) fn arm(&self) {
        self.state.set(ARMED);
    }

    /// Waits until a call is held, acts, and lets it go.
    pub(crate) fn stop(&self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        self.await_caught()?;
        let acted = act();
        // Otherwise it was not held for long enough.
        let held = self.state.get() == CAUGHT;
        self.state.set(FREE);
        ensure!(held, "{} was left too early", self.function);
        acted
    }

    fn await_caught(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.state.get() != CAUGHT {
            ensure!(Instant::now() < deadline, "nothing came to {}", self.function);
            thread::yield_now();
        }
        Ok(())
    }
}

/// Sends a packet from [`CPU`] while the other one does what it has to.
pub(crate) fn with_other_cpu(
    send: impl FnOnce() -> Result<()>,
    act: impl FnOnce() -> Result<()> + Send,
) -> Result<()> {
    // A thread begins where the one that made it is, and there it could not run now.
    let ready = Barrier::new(2);
    let other = || {
        let pinned = pin(OTHER_CPU);
        ready.wait();
        pinned?;
        act()
    };
    thread::scope(|scope| {
        let other = scope.spawn(other);
        ready.wait();
        let outcome = send();
        let acted = other.join().map_err(|_| anyhow!("the other hand panicked"))?;
        outcome.and(acted)
    })
}

/// The first call on the CPU is caught; others pass.
fn program(state: &Value, bytes: &Value) -> Result<Vec<bpf_insn>> {
    /// These survive calls of helpers.
    const STATE: Register = 6;
    const LEFT: Register = 7;
    const PLACE: Register = 8;
    let away = [store(STATE, ESCAPED)];
    let turn = [
        copy(1, PLACE),
        set(2, BYTES),
        copy(3, PLACE),
        call(PROBE_READ_KERNEL),
        load(1, STATE),
        if_equal(1, FREE, skip(2 + away.len())?),
        add(LEFT, -1),
    ];
    let turns = [&turn[..], &[unless_equal(LEFT, 0, -skip(turn.len() + 1)?)], &away].concat();
    let hold = [&[store(STATE, CAUGHT), set(LEFT, TURNS)], &turns[..]].concat();
    let places = [place(STATE, state), place(PLACE, bytes)].concat();
    let look = [load(1, STATE), unless_equal(1, ARMED, skip(hold.len())?)];
    let rest = [&places[..], &look, &hold].concat();
    let here = [call(GET_SMP_PROCESSOR_ID), unless_equal(0, CPU, skip(rest.len())?)];
    Ok([&here[..], &rest, &[set(0, 0), exit()]].concat())
}

fn skip(instructions: usize) -> Result<i16> {
    Ok(i16::try_from(instructions)?)
}
