//! The figures on a terminal.

use super::figures::{Figures, Sheet};
use super::loads::Row;

/// Prints all of a kernel.
pub(crate) fn print(sheet: &Sheet, loads: &[&Row]) {
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
                "  start {:.0} ms of its own, {:.0} ms on the clock; {:.1} MB at most; {} lost; {} lines",
                row.start as f64 / 1e6,
                row.start_wall as f64 / 1e6,
                row.peak_kib as f64 / 1e3,
                row.lost,
                row.lines
            );
        }
    }
    for (contender, reason) in &sheet.missing {
        println!("\n{}: not measured: {reason}", contender.name);
    }
}

fn cost(row: &Figures, nothing: Option<&Figures>, place: usize) -> String {
    let cost = &row.costs[place];
    let spread = cost.spread * 100.0;
    let mut text = format!("{:>9.0}", cost.each);
    if let Some(nothing) = nothing.filter(|_| !row.contender.is_nothing()) {
        let bare = nothing.costs[place].each;
        let (added, ratio) = (cost.each - bare, cost.each / bare);
        text.push_str(&format!(
            "  {added:>+9.0}  x{ratio:.3}  (its processes {:.0})",
            cost.of_tool
        ));
    }
    text.push_str(&format!("  boots differ by {spread:.2}%"));
    text
}
