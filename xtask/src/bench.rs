//! `cargo xtask bench`: what tracers add to each SYN and each connection, in instructions.
//!
//! Every row runs in a guest of its own, whose clock counts instructions, once per seed; the median
//! counts. What the rows and the columns are is data (`contenders.rs`, `loads.rs`). A boot that was
//! measured before is not repeated (`kept.rs`).

mod contenders;
mod figures;
mod guest;
mod headers;
mod kept;
mod loads;
mod page;
mod table;
mod targets;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

use self::contenders::{CONTENDERS, Contender, Origin};
use self::figures::{Figures, Sheet};
use self::guest::Ground;
use self::loads::{LOADS, Row};
use crate::cli::Bench;
use crate::interrupt::Interrupted;
use crate::kernels::{self, Kernel};

/// Measures all that was asked for; the result is the exit status.
pub(crate) fn run(options: &Bench) -> Result<i32> {
    let loads = chosen(LOADS, &options.workload, |load| load.name)?;
    let mut contenders = chosen(&CONTENDERS, &options.only, |contender| contender.name)?;
    if !contenders.iter().any(|contender| contender.is_nothing()) {
        contenders.insert(0, &CONTENDERS[0]);
    }
    eprintln!("building syndrop and its guest");
    let ground = Ground::lay(options.anew)?;
    let mut failed = false;
    for series in &options.kernel {
        let kernel = kernels::fetch(series)?;
        let mut sheet = Sheet::new(&kernel);
        for (contender, figures) in play(&ground, &kernel, &contenders, &loads, options)? {
            match figures {
                Ok(figures) => sheet.add(figures),
                Err(error) => {
                    failed |= contender.origin != Origin::Nowhere;
                    sheet.missing(contender, &error);
                }
            }
        }
        table::print(&sheet, &loads, options.seeds);
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

/// What came of one contender.
type Played = (&'static Contender, Result<Figures>);

/// Takes the figures of all of them, two at a time, in their order.
fn play(
    ground: &Ground,
    kernel: &Kernel,
    contenders: &[&'static Contender],
    loads: &[&Row],
    options: &Bench,
) -> Result<Vec<Played>> {
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let waiting = Mutex::new(contenders.iter().copied().enumerate().collect::<VecDeque<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((place, contender)) = next() {
                    let figures = measure(ground, kernel, contender, loads, options);
                    if let Err(error) = &figures {
                        eprintln!("{}, {}: {error:#}", kernel.series, contender.name);
                    }
                    let played = (place, (contender, figures));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(played);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if done.iter().any(|(_, (_, figures))| is_interrupted(figures)) {
        return Err(Interrupted.into());
    }
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, played)| played).collect())
}

/// All boots of one contender. Its archive, which may be large, is gone afterwards.
fn measure(
    ground: &Ground,
    kernel: &Kernel,
    contender: &'static Contender,
    loads: &[&Row],
    options: &Bench,
) -> Result<Figures> {
    let packed = ground.pack(kernel, contender, loads, options.by_program)?;
    let outcomes = (1..=options.seeds).map(|seed| packed.boot(ground, seed));
    let outcomes = outcomes.collect::<Result<Vec<_>>>()?;
    Ok(Figures::new(contender, loads, &outcomes, packed.size))
}

fn is_interrupted(figures: &Result<Figures>) -> bool {
    figures.as_ref().is_err_and(anyhow::Error::is::<Interrupted>)
}
