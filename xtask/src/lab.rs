//! `cargo xtask lab`: published experiments about the two queues, played again in guests.
//!
//! A guest measures (`stage`), a judge compares with what was published and with what syndrop said
//! (`judge`, `sheet`), a person reads the outcome (`print`, `page`).

mod catalogue;
mod judge;
mod page;
mod print;
mod recording;
mod sheet;
mod stage;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::catalogue::{LABS, Lab};
use self::page::{Page, Played};
use self::stage::{Report, Stage};
use self::verdict::Verdict;
use crate::cli;
use crate::kernels;

const ALL: &str = "all";
/// What all labs are played on: the oldest kernel that there is, the stable release's, the newest.
const FOR_ALL: &[&str] = &["5.10", "6.12", "7.3"];

/// Plays what was asked for; the result is 0 if every lab stands, else 1.
pub(crate) fn run(options: &cli::Lab) -> Result<i32> {
    let Some(name) = &options.name else {
        list();
        return Ok(0);
    };
    let labs: Vec<&Lab> = if name == ALL {
        LABS.iter().collect()
    } else {
        vec![catalogue::find(name).with_context(|| {
            format!("no lab `{name}`: `cargo xtask lab` lists them, `all` means all")
        })?]
    };
    let default = if name == ALL { FOR_ALL } else { &[kernels::DEFAULT] };
    let mut series: Vec<&str> = options.kernel.iter().map(String::as_str).collect();
    if series.is_empty() {
        series = default.to_vec();
    }

    let mut page = Page::default();
    let mut show = |report: Report| {
        let lab = catalogue::find(&report.lab);
        let lab = lab.with_context(|| format!("the guest played {}", report.lab))?;
        let verdict = Verdict::of(lab, &report);
        println!("{}", print::whole(lab, &report, &verdict));
        page.add(Played { lab, report, verdict });
        anyhow::Ok(())
    };
    if let Some(directory) = &options.again {
        for (series, lab) in series.iter().flat_map(|it| labs.iter().map(move |lab| (it, lab))) {
            show(kept(directory, lab, series)?)?;
        }
    } else {
        let names: Vec<&str> = labs.iter().map(|lab| lab.name).collect();
        eprintln!("building syndrop, fetching QEMU, kernels and the programs of the labs");
        let stage = Stage::build()?;
        for series in series {
            let kernel = kernels::fetch(series)?;
            eprintln!("booting Linux {}", kernel.release);
            stage.play(&kernel, &names, &mut |report| {
                if let Some(directory) = &options.facts {
                    keep(directory, &report, series)?;
                }
                show(report)
            })?;
        }
    }
    print!("{}", page.overview());
    if name == ALL && page.stands() {
        page.write()?;
    }
    Ok(i32::from(!page.stands()))
}

fn list() {
    println!("Published experiments, to be played again by `cargo xtask lab NAME`:\n");
    for Lab { name, title, .. } in LABS {
        println!("  {name:<18} {title}");
    }
    println!("\n  {ALL:<18} all of them on {}, which writes docs/labs.md", FOR_ALL.join(", "));
    println!("\n--kernel 5.10 7.3 chooses others than {}.", kernels::DEFAULT);
}

/// Where the facts of a lab on a kernel are kept.
fn place(directory: &Path, lab: &str, series: &str) -> PathBuf {
    directory.join(format!("{lab}.{series}.json"))
}

fn keep(directory: &Path, report: &Report, series: &str) -> Result<()> {
    let path = place(directory, &report.lab, series);
    let text = serde_json::to_vec(report).context("failed to write facts as JSON")?;
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("failed to write {}", path.display()))
}

fn kept(directory: &Path, lab: &Lab, series: &str) -> Result<Report> {
    let path = place(directory, lab.name, series);
    let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("failed to read {}", path.display()))
}
