use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::{Color, Modifier};

use super::{Glyphs, Theme, draw};
use crate::cost::{Cost, ProgramCost};
use crate::source::Snapshot;
use crate::top::model::sample::{besieged, empty, key, snapshot, time};
use crate::top::model::{Key, Look, Model};
use crate::totals::Tally;

fn buffer(model: &Model, colour: bool, glyphs: Glyphs, columns: u16, rows: u16) -> Buffer {
    let theme = Theme { colour, glyphs, zone: TimeZone::UTC };
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, model, &theme)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(buffer.area.width.into());
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn picture(model: &Model, columns: u16, rows: u16) -> String {
    text(&buffer(model, false, Glyphs::Unicode, columns, rows))
}

#[test]
fn eighty_columns() {
    insta::assert_snapshot!(picture(&besieged(), 80, 24));
}

#[test]
fn two_hundred_columns() {
    insta::assert_snapshot!(picture(&besieged(), 200, 50));
}

#[test]
fn plain_signs() {
    insta::assert_snapshot!(text(&buffer(&besieged(), false, Glyphs::Ascii, 80, 24)));
}

#[test]
fn the_help_fits_the_smallest_usual_screen() {
    let mut model = besieged();
    model.key(key(KeyCode::Char('?')));
    insta::assert_snapshot!(picture(&model, 80, 24));
}

#[test]
fn before_the_first_look() {
    insta::assert_snapshot!(picture(&empty(), 80, 24));
}

#[test]
fn without_colour_there_are_none_and_with_it_no_others_than_sixteen() {
    for colour in [false, true] {
        let buffer = buffer(&besieged(), colour, Glyphs::Unicode, 200, 50);
        let mut colours = 0;
        for cell in buffer.content() {
            assert!(!matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)));
            assert_eq!(cell.bg, Color::Reset);
            colours += usize::from(cell.fg != Color::Reset);
        }
        assert_eq!(colours > 0, colour);
        // The chosen row is told from others without any.
        let reversed = buffer.content().iter().filter(|it| it.modifier == Modifier::REVERSED);
        assert!(reversed.count() > 50);
    }
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let mut model = besieged();
    for help in [false, true] {
        for columns in [1, 59, 60, 61, 79, 149, 150, 260] {
            for rows in (1..30).chain([69]) {
                buffer(&model, true, Glyphs::Unicode, columns, rows);
            }
        }
        if !help {
            model.key(key(KeyCode::Char('?')));
        }
    }
}

#[test]
fn who_means_harm_reaches_no_terminal() {
    for (columns, rows) in [(80, 24), (200, 50)] {
        let mut model = besieged();
        model.key(key(KeyCode::Down));
        let picture = picture(&model, columns, rows);
        assert!(picture.contains("a\\u{1b}[") && !picture.contains('\u{1b}'), "{picture}");
    }
}

#[test]
fn the_column_of_latencies_is_there_once_one_is_known() {
    let mut model = besieged();
    assert!(!picture(&model, 80, 24).contains("WAITED"));
    model.accept_latency(&HashMap::from([(Key::Inode(1), Duration::from_micros(12_300))]));
    let picture = picture(&model, 100, 24);
    assert!(picture.contains("WAITED") && picture.contains("12.3 ms"), "{picture}");
}

#[test]
fn what_the_probes_cost_has_a_line_where_it_is_measured() {
    let mut model = besieged();
    assert!(!picture(&model, 80, 24).contains("probes:"));
    for (second, runs) in [(13, 1_000), (15, 3_000)] {
        let programs = vec![ProgramCost {
            program: "conn_request".to_owned(),
            runs,
            time: Duration::from_micros(runs),
        }];
        let cost = Some(Cost::of(Duration::from_secs(second), programs));
        let snapshot = Snapshot { cost, ..snapshot(second, Vec::new()) };
        let tally = Tally::default();
        model.look(&Look {
            time: time(second),
            listeners: &[],
            snapshot: &snapshot,
            tally: &tally,
        });
    }
    let picture = picture(&model, 80, 24);
    let line = "\n probes: 0.10% of one CPU, 1.0k runs a second of 1 us\n LISTENER";
    assert!(picture.contains(line), "{picture}");
}

#[test]
fn the_chosen_row_stays_in_sight() {
    let mut model = besieged();
    for _ in 0..2 {
        model.key(key(KeyCode::Down));
    }
    // Two rows of the table, besides its title.
    let picture = picture(&model, 80, 8);
    assert!(picture.contains("> ") || picture.contains("\n>127.0.0.1:6379"), "{picture}");
    model.key(key(KeyCode::Char('/')));
    model.key(key(KeyCode::Char('x')));
    assert!(self::picture(&model, 80, 8).contains("Filter: x_"));
}
