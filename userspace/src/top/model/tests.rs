use std::collections::HashMap;
use std::time::Duration;

use ebpf_probes::Reason::{self, AcceptQueueFullAck, AcceptQueueFullSyn};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::sample::{besieged, empty, id, incident, key, look, owned, total};
use super::{Key, Model, SortBy, Standing, Then};
use crate::decode::ListenerId;
use crate::totals::Tally;

fn typed(model: &mut Model, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            c => KeyCode::Char(c),
        };
        assert_eq!(model.key(key(code)), Then::GoOn, "{c:?}");
    }
}

fn ports(model: &Model) -> Vec<u16> {
    model.rows().iter().map(|row| row.id.bound.unwrap().port()).collect()
}

fn chosen(model: &Model) -> u16 {
    let rows = model.rows();
    rows[model.view.selected(&rows)].id.bound.unwrap().port()
}

#[test]
fn drops_are_counted_exactly_and_by_the_second() {
    let model = besieged();
    let rows = model.rows();
    let web = rows[0];
    // 4 + 5 + … + 12, of which 12 in the last second, beside 9 × 3.
    assert_eq!((web.drops, web.rate), (72 + 27, 15.0));
    let reasons: Vec<_> =
        web.reasons.iter().map(|it| (it.total.reason, it.total.count, it.rate)).collect();
    assert_eq!(reasons, [(AcceptQueueFullSyn, 72, 12.0), (AcceptQueueFullAck, 27, 3.0)]);
    assert_eq!(web.history.latest(3).collect::<Vec<_>>(), [13, 14, 15]);
    assert_eq!(web.clients.len(), 18);
    assert_eq!(web.clients[0].drop.reason, AcceptQueueFullAck);
    assert_eq!((web.more_owners, web.unit.as_deref()), (2, Some("nginx.service")));
    let board = model.board();
    assert_eq!((board.drops, board.rate), (100, 15.0));
}

#[test]
fn a_rate_is_by_the_time_that_went_by() {
    let (mut model, web) = (empty(), id(1, "0.0.0.0:80"));
    let listeners = [owned(web, (0, 8), 0, "nginx")];
    look(&mut model, 2, &listeners, vec![total(web, AcceptQueueFullSyn, 10)], &Tally::default());
    assert!((model.rows()[0].rate - 5.0).abs() < 1e-9);
    look(&mut model, 7, &listeners, vec![total(web, AcceptQueueFullSyn, 12)], &Tally::default());
    assert!((model.rows()[0].rate - 0.4).abs() < 1e-9);
}

#[test]
fn events_alone_are_not_counted() {
    let (mut model, web) = (empty(), id(1, "0.0.0.0:80"));
    model.incident(&incident(1, web, AcceptQueueFullSyn, "192.0.2.1:1"));
    let rows = model.rows();
    assert_eq!((rows[0].drops, rows[0].standing), (0, Standing::Unseen));
    // What it knows of its queues and its owner is from the event.
    assert_eq!(rows[0].accept.unwrap().len, 65);
    assert_eq!(rows[0].owner.comm.as_deref(), Some("nginx"));
    assert_eq!(rows[0].clients.len(), 1);
}

#[test]
fn a_listener_that_ended_stays_for_its_drops_only() {
    let (mut model, web, idle) = (empty(), id(1, "0.0.0.0:80"), id(2, "0.0.0.0:81"));
    let both = [owned(web, (65, 64), 0, "nginx"), owned(idle, (0, 64), 0, "idle")];
    let tally = Tally::default();
    look(&mut model, 1, &both, vec![total(web, AcceptQueueFullSyn, 2)], &tally);
    assert_eq!(ports(&model), [80, 81]);
    look(&mut model, 2, &[], vec![total(web, AcceptQueueFullSyn, 2)], &tally);
    assert_eq!(ports(&model), [80]);
    assert_eq!((model.rows()[0].standing, model.rows()[0].drops), (Standing::Closed, 2));
    look(&mut model, 3, &both[..1], vec![total(web, AcceptQueueFullSyn, 2)], &tally);
    assert_eq!(model.rows()[0].standing, Standing::Listens);
}

#[test]
fn one_socket_is_one_row_however_it_is_told_of() {
    let (mut model, web) = (empty(), id(1, "0.0.0.0:80"));
    // Socket diagnostics do not tell the address of the sock, and an event may lack more.
    let diag = ListenerId { sock: 0, ..web };
    let bare = ListenerId { bound: None, ..web };
    model.incident(&incident(1, bare, AcceptQueueFullSyn, "192.0.2.1:1"));
    let totals = vec![total(web, AcceptQueueFullSyn, 2), total(bare, AcceptQueueFullSyn, 3)];
    look(&mut model, 1, &[owned(diag, (0, 8), 0, "nginx")], totals, &Tally::default());
    let rows = model.rows();
    assert_eq!((rows.len(), rows[0].drops, rows[0].reasons.len()), (1, 5, 1));
    assert_eq!(rows[0].id.bound, web.bound);
}

#[test]
fn what_the_filter_hides_is_no_drop_here() {
    let (mut model, web) = (empty(), id(1, "0.0.0.0:80"));
    let mut hidden = total(web, AcceptQueueFullSyn, 9);
    hidden.bucket.shown = false;
    look(&mut model, 1, &[owned(web, (0, 8), 0, "nginx")], vec![hidden], &Tally::default());
    assert_eq!((model.board().drops, model.rows()[0].drops), (0, 0));
}

#[test]
fn a_paused_picture_stands_still_and_nothing_is_missed() {
    let mut model = besieged();
    typed(&mut model, "p");
    assert!(model.paused());
    let web = id(1, "0.0.0.0:80");
    let totals = vec![total(web, AcceptQueueFullSyn, 500)];
    look(&mut model, 13, &[owned(web, (0, 64), 0, "nginx")], totals, &Tally::default());
    assert_eq!((model.board().drops, ports(&model).len()), (100, 3));
    // It can still be looked at from all sides.
    typed(&mut model, "jj/redis\n");
    assert_eq!(ports(&model), [6379]);
    typed(&mut model, "\x1b ");
    assert_eq!((model.paused(), model.board().drops, ports(&model).len()), (false, 500, 1));
}

#[test]
fn every_order_is_as_its_name_says() {
    let mut model = besieged();
    let orders: Vec<_> = (0..6)
        .map(|_| {
            let order = (model.view.sort, ports(&model));
            typed(&mut model, "s");
            order
        })
        .collect();
    assert_eq!(
        orders,
        [
            (SortBy::Drops, vec![80, 8443, 6379]),
            (SortBy::Rate, vec![80, 6379, 8443]),
            (SortBy::AcceptQueue, vec![80, 8443, 6379]),
            (SortBy::SynQueue, vec![8443, 80, 6379]),
            (SortBy::Address, vec![80, 6379, 8443]),
            (SortBy::Owner, vec![8443, 80, 6379]),
        ]
    );
    typed(&mut model, "r");
    assert_eq!((model.view.sort, ports(&model)), (SortBy::Drops, vec![6379, 8443, 80]));
}

#[test]
fn the_choice_follows_its_listener_and_the_top_whoever_is_there() {
    let mut model = besieged();
    assert_eq!(chosen(&model), 80);
    typed(&mut model, "r");
    assert_eq!(chosen(&model), 6379, "whoever is first");
    typed(&mut model, "rj");
    assert_eq!(chosen(&model), 8443);
    typed(&mut model, "sss");
    assert_eq!((ports(&model)[0], chosen(&model)), (8443, 8443));
    typed(&mut model, "jjjj");
    assert_eq!(chosen(&model), ports(&model)[2], "there is no further");
    typed(&mut model, "g");
    assert_eq!(chosen(&model), 8443);
    assert_eq!(model.key(key(KeyCode::End)), Then::GoOn);
    assert_eq!(chosen(&model), ports(&model)[2]);
    assert_eq!(model.key(key(KeyCode::PageUp)), Then::GoOn);
    assert_eq!(chosen(&model), 8443);
}

#[test]
fn other_reasons_are_explained_on_demand() {
    let mut model = besieged();
    let explained = |model: &Model| {
        let rows = model.rows();
        let row = rows[model.view.selected(&rows)];
        row.reasons[model.view.reason(row)].total.reason
    };
    assert_eq!(explained(&model), AcceptQueueFullSyn);
    for _ in 0..3 {
        model.key(key(KeyCode::Right));
    }
    assert_eq!(explained(&model), AcceptQueueFullAck);
    model.key(key(KeyCode::Left));
    assert_eq!(explained(&model), AcceptQueueFullSyn);
    model.key(key(KeyCode::Right));
    typed(&mut model, "j");
    assert_eq!(explained(&model), Reason::SynNoRoute, "another listener begins anew");
}

#[test]
fn rows_are_found_by_what_is_seen_of_them() {
    let cases = [
        (":80", vec![80]),
        ("NGINX", vec![80]),
        ("no-route", vec![8443]),
        ("redis-server.service", vec![6379]),
        ("nowhere", vec![]),
    ];
    for (needle, expected) in cases {
        let mut model = besieged();
        typed(&mut model, &format!("/{needle}"));
        assert!(model.view.editing);
        assert_eq!(ports(&model), expected, "{needle}");
        typed(&mut model, "\n");
        assert!(!model.view.editing);
        typed(&mut model, "\x1b");
        assert_eq!(ports(&model).len(), 3);
    }
    let mut model = besieged();
    typed(&mut model, "z");
    assert_eq!(ports(&model), [80, 8443]);
    // Letters are no commands while a needle is typed.
    typed(&mut model, "/qx\x08");
    assert_eq!(model.view.needle, "q");
    assert_eq!(model.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)), Then::GoOn);
    assert_eq!(model.view.needle, "");
}

#[test]
fn it_ends_by_q_and_by_ctrl_c_from_everywhere() {
    let mut model = besieged();
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    assert_eq!(model.key(key(KeyCode::Char('q'))), Then::Quit);
    typed(&mut model, "?");
    assert!(model.view.help);
    assert_eq!(model.key(control('c')), Then::Quit);
    assert_eq!(model.key(control('z')), Then::Suspend);
    typed(&mut model, "q");
    assert!(!model.view.help, "any key leaves the help");
    typed(&mut model, "/");
    assert_eq!(model.key(control('c')), Then::Quit);
}

#[test]
fn how_long_connections_wait_is_known_only_where_it_is_measured() {
    let mut model = besieged();
    assert!(model.rows().iter().all(|row| row.accept_latency.is_none()));
    let latency = Duration::from_millis(12);
    model.accept_latency(&HashMap::from([(Key::Inode(1), latency)]));
    let known: Vec<_> = model.rows().iter().map(|row| row.accept_latency).collect();
    assert_eq!(known, [Some(latency), None, None]);
}
