//! Who was refused, how often, and how long it took them to get in.
//!
//! A delay is what the kernel's probes measured (the notice `client-recovered`). Without notices
//! only the time between a connection's first and last refusal is known, which is less.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ebpf_probes::Reason;
use jiff::Timestamp;

use crate::incident::Incident;

/// Clients, and connections, that are told apart; some 6 and 8 MB.
const TOLD_APART: usize = 1 << 16;

/// Upper bounds of the classes of delay, in seconds; the last class has none.
pub const DELAYS_S: [u64; 7] = [1, 2, 3, 5, 10, 30, 60];

/// How long connections that had been refused took to get in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delays {
    /// How many, by class.
    pub classes: [u64; DELAYS_S.len() + 1],
    /// The longest.
    pub longest: Duration,
}

impl Delays {
    pub(super) fn add(&mut self, after_ns: u64) {
        let delay = Duration::from_nanos(after_ns);
        let class = DELAYS_S.iter().position(|&bound| delay <= Duration::from_secs(bound));
        self.classes[class.unwrap_or(DELAYS_S.len())] += 1;
        self.longest = self.longest.max(delay);
    }

    /// How many connections.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// What one address met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Client {
    /// Connections of which something was refused, as far as they were told apart.
    pub connections: u64,
    /// Packets that were refused.
    pub refused: u64,
    /// The most refusals of one connection.
    pub attempts: u32,
    /// Connections that got in later.
    pub delays: Delays,
    /// Connections that were given up.
    pub gone: u64,
    /// The longest time between two refusals of one connection.
    pub refused_for: Duration,
}

impl Client {
    /// The longest time that a connection is known to have been kept waiting.
    pub fn waited(&self) -> Duration {
        self.delays.longest.max(self.refused_for)
    }
}

type Connection = (Option<u32>, SocketAddr, SocketAddr);

/// All who were refused.
#[derive(Debug, Default)]
pub struct Clients {
    by_address: HashMap<IpAddr, Client>,
    connections: HashMap<Connection, Timestamp>,
    /// Connections that got in later, of all clients.
    pub delays: Delays,
    /// Connections that were given up, of all clients.
    pub gone: u64,
    /// Whether there were more than could be told apart.
    pub left_out: bool,
}

impl Clients {
    /// Those who waited longest first.
    pub fn longest_first(&self) -> Vec<(IpAddr, Client)> {
        let mut clients: Vec<_> = self.by_address.iter().map(|(&ip, &it)| (ip, it)).collect();
        clients.sort_by_key(|(ip, client)| {
            (std::cmp::Reverse((client.waited(), client.gone, client.refused)), *ip)
        });
        clients
    }

    pub(super) fn add(&mut self, incident: &Incident) {
        let drop = &incident.drop;
        let notice = drop.reason.is_notice();
        match drop.reason {
            Reason::ClientRecovered => self.delays.add(drop.refused_ns.unwrap_or(0)),
            Reason::ClientGone => self.gone += 1,
            _ if notice => return,
            _ => {}
        }
        let Some(packet) = drop.packet else {
            self.left_out = true;
            return;
        };
        let room = self.by_address.len() < TOLD_APART;
        if !room && !self.by_address.contains_key(&packet.peer.ip()) {
            self.left_out = true;
            return;
        }
        let client = self.by_address.entry(packet.peer.ip()).or_default();
        client.attempts = client.attempts.max(drop.attempt.unwrap_or(0));
        let connection = (drop.listener.netns, packet.local, packet.peer);
        match drop.reason {
            Reason::ClientRecovered => {
                client.delays.add(drop.refused_ns.unwrap_or(0));
                self.connections.remove(&connection);
            }
            Reason::ClientGone => {
                client.gone += 1;
                self.connections.remove(&connection);
            }
            _ => {
                client.refused += 1;
                let room = self.connections.len() < TOLD_APART;
                match self.connections.get(&connection) {
                    Some(first) => {
                        let since = incident.time.duration_since(*first);
                        let since = Duration::try_from(since).unwrap_or_default();
                        client.refused_for = client.refused_for.max(since);
                    }
                    None if room => {
                        client.connections += 1;
                        self.connections.insert(connection, incident.time);
                    }
                    None => self.left_out = true,
                }
            }
        }
    }
}
