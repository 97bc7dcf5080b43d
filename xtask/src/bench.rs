//! `cargo xtask bench`: what tracers add to each SYN and each connection, in instructions.
//!
//! Every row runs in a guest of its own, whose clock counts instructions, once per seed; the median
//! counts. What the rows and the columns are is data (`contenders.rs`, `loads.rs`).

mod contenders;
mod figures;
mod guest;
mod headers;
mod loads;
mod page;
mod table;
mod targets;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};
use boundary::bench::Outcome;

use self::contenders::CONTENDERS;
use self::figures::{Figures, Sheet};
use self::guest::{Ground, Packed};
use self::loads::LOADS;
use crate::cli::Bench;
use crate::interrupt::Interrupted;
use crate::kernels;

/// Measures all that was asked for; the result is the exit status.
pub(crate) fn run(options: &Bench) -> Result<i32> {
    let loads = chosen(LOADS, &options.workload, |load| load.name)?;
    let mut contenders = chosen(&CONTENDERS, &options.only, |contender| contender.name)?;
    if !contenders.iter().any(|contender| contender.is_nothing()) {
        contenders.insert(0, &CONTENDERS[0]);
    }
    eprintln!("building syndrop and its guest");
    let ground = Ground::lay()?;
    let mut failed = false;
    for series in &options.kernel {
        let kernel = kernels::fetch(series)?;
        let mut sheet = Sheet::new(&kernel);
        let mut runs = VecDeque::new();
        for contender in &contenders {
            match ground.pack(&kernel, contender, &loads, options.by_program) {
                Ok(packed) => runs.extend((1..=options.seeds).map(|seed| (packed.clone(), seed))),
                Err(error) => sheet.missing(contender, &error),
            }
        }
        for (packed, outcomes) in play(&ground, runs)? {
            match outcomes {
                Ok(outcomes) => {
                    sheet.add(Figures::new(packed.contender, &loads, &outcomes, packed.size));
                }
                Err(error) => {
                    failed = true;
                    sheet.missing(packed.contender, &error);
                }
            }
        }
        table::print(&sheet, &loads);
        if options.is_whole() {
            page::update(series, &sheet, &loads)?;
        }
    }
    Ok(i32::from(failed))
}

/// The rows whose name has one of the words in it; all if there are none.
fn chosen<T>(
    rows: &'static [T],
    words: &[String],
    name: fn(&T) -> &str,
) -> Result<Vec<&'static T>> {
    let wanted = |row: &&T| words.is_empty() || words.iter().any(|word| name(row).contains(word));
    let chosen: Vec<&T> = rows.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let all: Vec<&str> = rows.iter().map(name).collect();
        bail!("nothing is called {}: there are {}", words.join(" or "), all.join(", "));
    }
    Ok(chosen)
}

/// What came of one contender, by seed.
type Played = (Packed, Result<Vec<Outcome>>);

/// Boots them all, two at a time.
fn play(ground: &Ground, runs: VecDeque<(Packed, u32)>) -> Result<Vec<Played>> {
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let order: Vec<Packed> = runs.iter().map(|(packed, _)| packed.clone()).collect();
    let waiting = Mutex::new(runs);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((packed, seed)) = next() {
                    let outcome = packed.boot(ground, seed);
                    if let Err(error) = &outcome {
                        eprintln!("{}, seed {seed}: {error:#}", packed.contender.name);
                    }
                    let outcome = (packed.contender.name, seed, outcome);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if done.iter().any(|(_, _, outcome)| is_interrupted(outcome)) {
        return Err(Interrupted.into());
    }
    done.sort_by_key(|(_, seed, _)| *seed);
    let mut played: Vec<Played> = Vec::new();
    for packed in order {
        let contender = packed.contender.name;
        if played.iter().any(|(other, _)| other.contender.name == contender) {
            continue;
        }
        let own = done.extract_if(.., |(name, ..)| *name == contender);
        played.push((packed, own.map(|(_, _, outcome)| outcome).collect()));
    }
    Ok(played)
}

fn is_interrupted(outcome: &Result<Outcome>) -> bool {
    outcome.as_ref().is_err_and(anyhow::Error::is::<Interrupted>)
}
