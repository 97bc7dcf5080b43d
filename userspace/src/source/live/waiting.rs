//! Refused clients, until they get in or give up.
//!
//! Nobody sees a client give up: it just sends nothing more. Each repetition of a SYN, and of a
//! SYN-ACK that asks for the last ACK again, comes about as long after the one before as all of
//! them took together, plus a second (1, 3, 7, 15, 31, 63 s after the first). So a client is
//! taken for gone when twice that time went by without a packet of it.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use ebpf_probes::{CLIENT_FORGOTTEN_NS, Counters, Evidence, Reason, Stage};

use crate::catalogue::{self, Outcome};
use crate::decode::{Bucket, ListenerId, SynDrop};
use crate::source::Total;

/// Clients that are followed; some 12 MB.
const FOLLOWED_MAX: usize = 1 << 15;
/// Listeners whose clients are counted apart.
const LISTENERS_MAX: usize = 1 << 12;

const SECOND_NS: u64 = 1_000_000_000;
const PATIENCE_MIN_NS: u64 = 3 * SECOND_NS;

/// One connection.
type Client = (Option<u32>, SocketAddr, SocketAddr);

/// The latest refusal of a client, and when it is taken for gone.
#[derive(Debug)]
struct Refused {
    latest: SynDrop,
    due_ns: u64,
}

/// The clients that are followed.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    clients: HashMap<Client, Refused>,
    due: BTreeSet<(u64, Client)>,
    gone: HashMap<Bucket, u64>,
    unfollowed: u64,
}

impl Waiting {
    /// Takes note of an event; gives the notice if the client is gone with it.
    pub(super) fn see(&mut self, event: &SynDrop) -> Option<SynDrop> {
        let packet = event.packet?;
        let client = (event.listener.netns, packet.local, packet.peer);
        if event.reason == Reason::ClientRecovered {
            self.remove(&client);
            return None;
        }
        let known = self.clients.contains_key(&client);
        if event.stage == Stage::Request {
            let lives = matches!(event.reason, Reason::SynackRetransmit | Reason::RequestMigrated);
            let latest = if lives { None } else { self.remove(&client) };
            return latest.map(|latest| self.give_up(&latest, event.boot_ns, Evidence::Observed));
        }
        if event.reason.is_notice() || !(known || event.reason.keeps_out()) {
            return None;
        }
        if catalogue::of(event.reason).outcome == Some(Outcome::Reset) {
            self.remove(&client);
            return Some(self.give_up(event, event.boot_ns, Evidence::Observed));
        }
        if !known && self.clients.len() >= FOLLOWED_MAX {
            // Its repetitions are of the same client.
            self.unfollowed += u64::from(event.attempt.is_none_or(|attempt| attempt == 1));
            return None;
        }
        self.remove(&client);
        let due_ns = event.boot_ns.saturating_add(patience(event.refused_ns.unwrap_or(0)));
        self.due.insert((due_ns, client));
        self.clients.insert(client, Refused { latest: *event, due_ns });
        None
    }

    /// The notices of clients that are gone by now, which no event is still to come of.
    pub(super) fn expire(&mut self, now_ns: u64) -> Vec<SynDrop> {
        let mut gone = Vec::new();
        while let Some(&(due_ns, client)) = self.due.first()
            && due_ns <= now_ns
        {
            let Some(latest) = self.remove(&client) else { break };
            gone.push(self.give_up(&latest, due_ns, Evidence::Inferred));
        }
        gone
    }

    /// When the next client is taken for gone, as `boot_ns`.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.due.first().map(|&(due_ns, _)| due_ns)
    }

    /// Events were lost: of no client that waits is it known any more whether it got in.
    pub(super) fn hole(&mut self) {
        self.unfollowed += self.clients.len() as u64;
        self.clients.clear();
        self.due.clear();
    }

    /// Events of a listener were held back: of none of its clients is it known any more. Says how
    /// many there were.
    pub(super) fn hole_at(&mut self, listener: &ListenerId) -> u64 {
        let own = self
            .clients
            .extract_if(|_, refused| listener.is_others() || refused.latest.listener == *listener);
        let mut left = 0;
        for (client, refused) in own {
            self.due.remove(&(refused.due_ns, client));
            left += 1;
        }
        self.unfollowed += left;
        left
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// How many were not followed to their end.
    pub(super) fn unfollowed(&self) -> u64 {
        self.unfollowed
    }

    /// How many are gone.
    pub(super) fn totals(&self) -> impl Iterator<Item = Total> {
        self.gone.iter().map(|(&bucket, &count)| Total::whole(bucket, count))
    }

    fn remove(&mut self, client: &Client) -> Option<SynDrop> {
        let refused = self.clients.remove(client)?;
        self.due.remove(&(refused.due_ns, *client));
        Some(refused.latest)
    }

    fn give_up(&mut self, latest: &SynDrop, boot_ns: u64, evidence: Evidence) -> SynDrop {
        let gone = SynDrop { reason: Reason::ClientGone, boot_ns, evidence, ..*latest };
        let unknown = ListenerId { sock: 0, inode: None, netns: None, bound: None };
        let room = self.gone.len() < LISTENERS_MAX;
        let bucket = |listener| Bucket {
            listener,
            reason: gone.reason,
            stage: gone.stage,
            evidence,
            shown: true,
            moves: Counters::NONE,
        };
        let own = bucket(gone.listener);
        let key = if room || self.gone.contains_key(&own) { own } else { bucket(unknown) };
        *self.gone.entry(key).or_default() += 1;
        gone
    }
}

/// How long to wait for the next packet of a client that was refused for so long.
fn patience(refused_ns: u64) -> u64 {
    let next = refused_ns.saturating_add(SECOND_NS);
    next.saturating_mul(2).clamp(PATIENCE_MIN_NS, CLIENT_FORGOTTEN_NS)
}

#[cfg(test)]
mod tests {
    use ebpf_probes::{Evidence, Reason, Stage};

    use super::{FOLLOWED_MAX, SECOND_NS, Waiting};
    use crate::decode::sample::{packet, syn_drop};
    use crate::decode::{ListenerId, SynDrop};

    /// The n-th refusal, so many seconds after the start, of a client that was refused at 0 first.
    fn refusal(peer: &str, attempt: u32, seconds: u64) -> SynDrop {
        let ns = seconds * SECOND_NS;
        SynDrop {
            boot_ns: 10 * SECOND_NS + ns,
            packet: Some(packet("10.0.0.1:80", peer)),
            attempt: Some(attempt),
            refused_ns: Some(ns),
            ..syn_drop()
        }
    }

    fn at(seconds: u64) -> u64 {
        (10 + seconds) * SECOND_NS
    }

    const CLIENT: &str = "192.0.2.9:1024";

    #[test]
    fn a_client_that_comes_again_in_time_waits_on() {
        let mut waiting = Waiting::default();
        for (attempt, seconds) in [0, 1, 3, 7, 15, 31, 63].into_iter().enumerate() {
            assert_eq!(waiting.expire(at(seconds)), [], "gone before {seconds} s");
            let refusal = refusal(CLIENT, u32::try_from(attempt).unwrap() + 1, seconds);
            assert_eq!(waiting.see(&refusal), None);
        }
        assert_eq!(waiting.next_due(), Some(at(63 + 128)));
        let [gone] = waiting.expire(at(63 + 128))[..] else { panic!("it is not gone") };
        assert_eq!((gone.reason, gone.evidence), (Reason::ClientGone, Evidence::Inferred));
        assert_eq!((gone.attempt, gone.refused_ns), (Some(7), Some(63 * SECOND_NS)));
        assert_eq!(gone.boot_ns, at(63 + 128));
        assert_eq!((waiting.len(), waiting.next_due()), (0, None));
        assert_eq!(waiting.totals().map(|total| total.count).sum::<u64>(), 1);
    }

    #[test]
    fn the_first_repetition_has_three_seconds() {
        let mut waiting = Waiting::default();
        waiting.see(&refusal(CLIENT, 1, 0));
        assert_eq!(waiting.expire(at(3) - 1), []);
        assert_eq!(waiting.expire(at(3)).len(), 1);
    }

    #[test]
    fn who_got_in_is_not_gone() {
        let mut waiting = Waiting::default();
        waiting.see(&refusal(CLIENT, 1, 0));
        waiting.see(&refusal("192.0.2.9:1025", 1, 0));
        let recovered = SynDrop { reason: Reason::ClientRecovered, ..refusal(CLIENT, 1, 1) };
        assert_eq!(waiting.see(&recovered), None);
        let gone = waiting.expire(at(100));
        assert_eq!(gone.len(), 1);
        assert_eq!(gone[0].packet.unwrap().peer, "192.0.2.9:1025".parse().unwrap());
    }

    #[test]
    fn a_reset_or_the_end_of_its_request_is_the_end() {
        let mut waiting = Waiting::default();
        let reset = SynDrop { reason: Reason::AcceptQueueFullAckRst, ..refusal(CLIENT, 1, 0) };
        let gone = waiting.see(&reset).unwrap();
        assert_eq!((gone.reason, gone.evidence), (Reason::ClientGone, Evidence::Observed));
        waiting.see(&refusal(CLIENT, 2, 1));
        let event = |reason| SynDrop { reason, stage: Stage::Request, ..refusal(CLIENT, 2, 2) };
        assert_eq!(waiting.see(&event(Reason::SynackRetransmit)), None);
        let gone = waiting.see(&event(Reason::RequestExpired)).unwrap();
        assert_eq!((gone.attempt, gone.refused_ns), (Some(2), Some(SECOND_NS)));
        assert_eq!(waiting.see(&event(Reason::RequestExpired)), None, "it was not refused");
        waiting.see(&refusal(CLIENT, 3, 2));
        let stray = SynDrop { reason: Reason::StrayAck, ..refusal(CLIENT, 4, 3) };
        assert!(waiting.see(&stray).is_some());
    }

    #[test]
    fn nobody_is_followed_who_was_not_kept_out() {
        let mut waiting = Waiting::default();
        for reason in [Reason::StrayAck, Reason::AckDeferred, Reason::CookieSent] {
            assert_eq!(waiting.see(&SynDrop { reason, ..refusal(CLIENT, 1, 0) }), None);
        }
        let unread = SynDrop { packet: None, ..refusal(CLIENT, 1, 0) };
        assert_eq!(waiting.see(&unread), None);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn the_bound_is_kept_and_said() {
        let mut waiting = Waiting::default();
        for peer in 0..u32::try_from(FOLLOWED_MAX).unwrap() + 3 {
            let peer = format!("{}:1", std::net::Ipv4Addr::from_bits(peer));
            waiting.see(&refusal(&peer, 1, 0));
            waiting.see(&refusal(&peer, 2, 1));
        }
        assert_eq!((waiting.len(), waiting.unfollowed()), (FOLLOWED_MAX, 3));
    }

    #[test]
    fn a_hole_at_one_listener_leaves_the_clients_of_others() {
        let mut waiting = Waiting::default();
        let other = SynDrop {
            listener: ListenerId { inode: Some(2), ..syn_drop().listener },
            ..refusal("192.0.2.9:1025", 1, 0)
        };
        waiting.see(&refusal(CLIENT, 1, 0));
        waiting.see(&other);
        assert_eq!(waiting.hole_at(&syn_drop().listener), 1);
        assert_eq!((waiting.len(), waiting.unfollowed()), (1, 1));
        let gone = waiting.expire(at(3));
        assert_eq!(gone.iter().map(|gone| gone.listener).collect::<Vec<_>>(), [other.listener]);
        waiting.see(&other);
        assert_eq!(waiting.hole_at(&ListenerId::others(Some(7))), 1, "it may be any of them");
    }

    #[test]
    fn after_a_hole_nobody_is_taken_for_gone() {
        let mut waiting = Waiting::default();
        waiting.see(&refusal(CLIENT, 1, 0));
        waiting.hole();
        assert_eq!((waiting.expire(at(1000)).len(), waiting.unfollowed()), (0, 1));
    }
}
