//! The figures on a terminal.

use std::fmt::Write;

use super::figures::{Figures, Sheet};
use super::loads::Row;
use super::targets;

/// From here on two boots are not as good as the same.
const REPEATS_WITHIN: f64 = 0.01;

/// Prints all of a kernel.
pub(crate) fn print(sheet: &Sheet, loads: &[&Row], boots: u32) {
    println!("\nLinux {}: instructions for each, and what is added to them", sheet.release);
    let nothing = sheet.nothing();
    for row in &sheet.rows {
        println!("\n{}", row.contender.name);
        for (place, load) in loads.iter().enumerate() {
            println!("  {:<24} {}", load.title, cost(row, nothing, place));
            for (name, runs, each) in &row.costs[place].programs {
                println!("      {name:<24} {each:>9.1} in {runs:.3} runs");
            }
        }
        if !row.contender.is_nothing() {
            println!(
                "  start {:.0} ms of its own, {:.0} ms on the clock; {:.1} MB of memory; \
                 {:.1} MB on disk; {} lost; {} lines",
                row.start_ms(),
                row.start_wall_ms(),
                row.peak_mb(),
                row.size_mb(),
                row.lost,
                row.lines
            );
        }
    }
    for (contender, reason) in &sheet.missing {
        println!("\n{}: not measured: {reason}", contender.name);
    }
    println!();
    for standing in targets::standings(sheet, loads) {
        let Some(reached) = standing.reached else { continue };
        let (what, limit, word) = (standing.what, standing.limit, standing.word());
        println!("{word}: {reached:.0} of {limit:.0} {what} ({})", standing.contender);
    }
    if boots == 1 {
        println!("one boot each: whether it repeats was not measured");
        return;
    }
    let widest = sheet.widest();
    let word = if widest <= REPEATS_WITHIN { "repeats" } else { "DOES NOT REPEAT" };
    println!("{word} within 1%: boots differ by {:.2}% at most", widest * 100.0);
}

fn cost(row: &Figures, nothing: Option<&Figures>, place: usize) -> String {
    let cost = &row.costs[place];
    let mut text = format!("{:>9.0}", cost.each);
    if let Some(nothing) = nothing.filter(|_| !row.contender.is_nothing()) {
        let bare = nothing.costs[place].each;
        let (added, ratio) = (cost.each - bare, cost.each / bare);
        let _ = write!(text, "  {added:>+9.0}  ×{ratio:.3}  its processes {:>7.0}", cost.of_tool);
    }
    let _ = write!(text, "  boots differ by {:.2}%", cost.spread * 100.0);
    text
}
