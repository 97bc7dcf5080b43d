//! The probes' table of refused clients, and what it takes to follow them.

use aya::Ebpf;
use aya::maps::{HashMap, MapData, PerCpuArray};
use ebpf_probes::{CLIENTS_MAX, ClientCount, ClientKey, Filter, Reason, Stage};
use rustix::time::{ClockId, clock_gettime};

use super::{LiveError, take};
use crate::source::Event;

/// What the probes remember of a client; only its size matters here.
type Remembered = [u8; 24];

/// The table, and how often something came and went.
pub(super) struct Clients {
    table: HashMap<MapData, [u8; size_of::<ClientKey>()], Remembered>,
    counts: PerCpuArray<MapData, u64>,
}

impl Clients {
    /// Takes both maps.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LiveError> {
        let table = HashMap::try_from(take(ebpf, "CLIENTS")?)
            .map_err(|error| LiveError::Map("CLIENTS", Some(error)))?;
        let counts = PerCpuArray::try_from(take(ebpf, "CLIENT_COUNTS")?)
            .map_err(|error| LiveError::Map("CLIENT_COUNTS", Some(error)))?;
        Ok(Self { table, counts })
    }

    /// How many clients the kernel threw out of the table to make room. It begins to before the
    /// table is quite full, because each CPU holds some free entries back, so they are counted;
    /// but only where that can be, as counting takes its time.
    pub(super) fn forgotten(&self) -> Result<u64, LiveError> {
        let removed = self.count(ClientCount::Removed)?;
        let held = self.count(ClientCount::Added)?.saturating_sub(removed);
        if held <= u64::from(CLIENTS_MAX / 2) {
            return Ok(0);
        }
        Ok(held.saturating_sub(self.table.keys().count() as u64))
    }

    /// How many events were sampled out while clients were followed.
    pub(super) fn sampled_out(&self) -> Result<u64, LiveError> {
        self.count(ClientCount::SampledOut)
    }

    fn count(&self, what: ClientCount) -> Result<u64, LiveError> {
        let counts = self.counts.get(&(what as u32), 0);
        let counts = counts.map_err(|error| LiveError::Read("CLIENT_COUNTS", error))?;
        Ok(counts.iter().sum())
    }
}

/// The filter that lets everything through by which clients are followed: the drops that keep them
/// out, and the notice that they got in.
pub(super) fn widened(filter: &Filter) -> Filter {
    let bit = |reason: Reason| 1 << (reason as u16 % Reason::FIRST_NOTICE);
    let keep_out = Reason::ALL.iter().filter(|reason| reason.keeps_out());
    Filter {
        reasons: keep_out.fold(filter.reasons, |bits, &reason| bits | bit(reason)),
        notices: filter.notices | bit(Reason::ClientRecovered),
        stages: Stage::ALL.iter().fold(filter.stages, |bits, &stage| bits | 1 << stage as u8),
        ..*filter
    }
}

/// What is to be said of clients that still wait at the end.
pub(super) fn still(waiting: usize) -> Option<Event> {
    let (clients, have) = if waiting == 1 { ("client", "has") } else { ("clients", "have") };
    let note = format!("{waiting} refused {clients} {have} neither got in nor given up so far");
    (waiting > 0).then_some(Event::Note(note))
}

/// `CLOCK_BOOTTIME` in ns.
pub(super) fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use ebpf_probes::{Filter, Reason, Stage};

    use super::widened;
    use crate::filter::{shows_kind, shows_reason};

    #[test]
    fn a_filter_is_widened_by_what_tells_of_clients() {
        let none = Filter { reasons: 0, notices: 0, stages: 0, ..Filter::ALL };
        let widened = widened(&none);
        assert!(shows_kind(&widened, Reason::ClientRecovered, Stage::Ack));
        assert!(shows_kind(&widened, Reason::AcceptQueueFullSyn, Stage::Syn));
        assert!(!shows_reason(&widened, Reason::StrayAck));
        assert!(!shows_reason(&widened, Reason::Accepted));
    }
}
