use ebpf_probes::{Filter, Reason, Stage};

use super::{FilterError, Notices, Wanted, concerns, shows, shows_every_drop};
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{Family, ListenerId, SynDrop};

fn drop(local: &str, peer: &str) -> SynDrop {
    SynDrop { packet: Some(packet(local, peer)), ..syn_drop() }
}

fn over_v4() -> SynDrop {
    drop("10.0.0.1:80", "192.0.2.9:1024")
}

fn over_v6() -> SynDrop {
    drop("[2001:db8::1]:80", "[2001:db8:9::1]:1024")
}

fn shown(wanted: &Wanted, drop: &SynDrop) -> bool {
    shows(&wanted.compile().unwrap(), drop)
}

#[test]
fn nothing_wanted_shows_everything() {
    assert_eq!(Wanted::default().compile(), Ok(Filter::ALL));
    let mut unread = over_v4();
    (unread.packet, unread.listener.netns) = (None, None);
    for drop in [over_v4(), over_v6(), unread] {
        assert!(shown(&Wanted::default(), &drop));
    }
}

#[test]
fn notices_are_off_until_they_are_asked_for() {
    let drops = |reasons: &[Reason], notices| {
        let wanted = Wanted { reasons: reasons.to_vec(), notices, ..Wanted::default() };
        let shown = |reason| shown(&wanted, &SynDrop { reason, ..over_v4() });
        [Reason::AcceptQueueFullSyn, Reason::SynQueueFull, Reason::CookieSent, Reason::ClientGone]
            .map(shown)
    };
    let (drop, notice) = (Reason::SynQueueFull, Reason::CookieSent);
    assert_eq!(drops(&[], Notices::None), [true, true, false, false]);
    assert_eq!(drops(&[], Notices::All), [true; 4]);
    assert_eq!(drops(&[], Notices::Only(vec![notice])), [true, true, true, false]);
    assert_eq!(drops(&[drop], Notices::None), [false, true, false, false]);
    assert_eq!(drops(&[drop], Notices::All), [false, true, true, true]);
    assert_eq!(drops(&[notice], Notices::None), [false, false, true, false]);
    assert_eq!(drops(&[notice], Notices::All), [false, false, true, false]);
    let more = Notices::Only(vec![Reason::ClientGone]);
    assert_eq!(drops(&[drop, notice], more), [false, true, true, true]);
}

#[test]
fn notices_narrow_no_drops() {
    let wanted = Wanted { notices: Notices::All, ..Wanted::default() };
    assert!(shows_every_drop(&wanted.compile().unwrap()));
    let wanted = Wanted { ports: vec![1], ..wanted };
    assert!(!shows_every_drop(&wanted.compile().unwrap()));
}

#[test]
fn each_wish_shows_its_own_and_hides_the_rest() {
    let net = |text: &str| Some(text.parse().unwrap());
    let none = Wanted::default;
    let rows: [(Wanted, bool, bool); 17] = [
        (Wanted { ports: vec![443, 80], ..none() }, true, true),
        (Wanted { ports: vec![443, 1024], ..none() }, false, false),
        (Wanted { family: Some(Family::V4), ..none() }, true, false),
        (Wanted { family: Some(Family::V6), ..none() }, false, true),
        (Wanted { local: net("10.0.0.0/8"), ..none() }, true, false),
        (Wanted { local: net("10.0.0.77/8"), ..none() }, true, false),
        (Wanted { local: net("11.0.0.0/8"), ..none() }, false, false),
        (Wanted { local: net("0.0.0.0/0"), ..none() }, true, false),
        (Wanted { local: net("::/0"), ..none() }, false, true),
        (Wanted { local: net("::ffff:10.0.0.0/104"), ..none() }, true, false),
        (Wanted { peer: net("192.0.2.9/32"), ..none() }, true, false),
        (Wanted { peer: net("2001:db8:9::/48"), ..none() }, false, true),
        (Wanted { peer: net("2001:db8:8::/48"), ..none() }, false, false),
        (Wanted { netns: Some(7), ..none() }, true, true),
        (Wanted { netns: Some(8), ..none() }, false, false),
        (
            Wanted { reasons: vec![Reason::SynQueueFull, Reason::AcceptQueueFullSyn], ..none() },
            true,
            true,
        ),
        (Wanted { stages: vec![Stage::Ack, Stage::Request], ..none() }, false, false),
    ];
    for (wanted, v4, v6) in rows {
        assert_eq!(shown(&wanted, &over_v4()), v4, "IPv4 by {wanted:?}");
        assert_eq!(shown(&wanted, &over_v6()), v6, "IPv6 by {wanted:?}");
    }
}

#[test]
fn wishes_add_up() {
    let wanted = Wanted {
        ports: vec![80],
        peer: Some("192.0.2.0/24".parse().unwrap()),
        reasons: vec![Reason::AcceptQueueFullSyn],
        ..Wanted::default()
    };
    assert!(shown(&wanted, &over_v4()));
    assert!(!shown(&Wanted { ports: vec![81], ..wanted }, &over_v4()));
}

#[test]
fn what_was_not_read_matches_no_wish() {
    let mut unread = over_v4();
    (unread.packet, unread.listener.netns) = (None, None);
    let none = Wanted::default;
    for wanted in [
        Wanted { ports: vec![80], ..none() },
        Wanted { family: Some(Family::V4), ..none() },
        Wanted { local: Some("::/0".parse().unwrap()), ..none() },
        Wanted { netns: Some(7), ..none() },
    ] {
        assert!(!shown(&wanted, &unread), "{wanted:?}");
    }
}

#[test]
fn a_v4_mapped_source_in_an_ipv6_packet_is_ipv6() {
    let odd = drop("[2001:db8::1]:80", "[::ffff:192.0.2.9]:1024");
    assert!(!shown(&Wanted { family: Some(Family::V4), ..Wanted::default() }, &odd));
    assert!(shown(&Wanted { family: Some(Family::V6), ..Wanted::default() }, &odd));
}

#[test]
fn the_probes_find_truncated_networks_and_v4_mapped_masks() {
    let wanted = Wanted { peer: Some("192.0.2.9/25".parse().unwrap()), ..Wanted::default() };
    let filter = wanted.compile().unwrap();
    assert_eq!(filter.peer, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 0]);
    assert_eq!(filter.peer_mask[..15], [0xff; 15]);
    assert_eq!(filter.peer_mask[15], 0x80);
    assert_eq!(filter.family, 4);
}

#[test]
fn what_can_never_match_is_refused() {
    let ports = Wanted { ports: (1..=17).collect(), ..Wanted::default() };
    assert_eq!(ports.compile(), Err(FilterError::TooManyPorts(17)));
    let net = |text: &str| Some(text.parse().unwrap());
    let mixed = Wanted { local: net("10.0.0.0/8"), peer: net("::1/128"), ..Wanted::default() };
    let error = mixed.compile().unwrap_err().to_string();
    assert!(error.contains("::1/128") && error.contains("IPv4"), "{error}");
    let other = Wanted { family: Some(Family::V6), peer: net("10.0.0.0/8"), ..Wanted::default() };
    assert!(other.compile().unwrap_err().to_string().contains("10.0.0.0/8"));
}

#[test]
fn a_listener_is_concerned_if_it_can_get_such_packets() {
    let bound = ["10.0.0.1:80", "0.0.0.0:81", "[::]:80", "[fd00::1]:82"];
    let listeners = bound.map(|bound| ListenerId {
        sock: 1,
        inode: None,
        netns: Some(7),
        bound: bound.parse().ok(),
    });
    let network = |text: &str| text.parse().ok();
    let all = Wanted::default();
    let cases = [
        (all.clone(), [true, true, true, true]),
        (Wanted { ports: vec![80, 82], ..all.clone() }, [true, false, true, true]),
        (Wanted { family: Some(Family::V4), ..all.clone() }, [true, true, true, false]),
        (Wanted { family: Some(Family::V6), ..all.clone() }, [false, false, true, true]),
        (Wanted { local: network("10.0.0.0/8"), ..all.clone() }, [true, true, true, false]),
        (Wanted { local: network("fd00::/8"), ..all.clone() }, [false, false, true, true]),
        (Wanted { local: network("192.0.2.1/32"), ..all.clone() }, [false, true, true, false]),
        (Wanted { netns: Some(8), ..all.clone() }, [false; 4]),
        (Wanted { peer: network("192.0.2.0/24"), ..all }, [true, true, true, false]),
    ];
    for (wanted, expected) in cases {
        let filter = wanted.compile().unwrap();
        assert_eq!(listeners.map(|id| concerns(&filter, &id)), expected, "{wanted:?}");
    }
    let unknown = ListenerId { bound: None, ..listeners[0] };
    let ports = Wanted { ports: vec![9], ..Wanted::default() };
    assert!(concerns(&ports.compile().unwrap(), &unknown));
}
