//! A verdict as one number.
//!
//! The probes judge in many places and tell in one. If that one knew which verdict it was given, the
//! verifier would go through all of it once for each; so the verdict goes there through a map, as a
//! number that the verifier does not know.

use crate::classify::Verdict;
use crate::counter::Counters;
use crate::nature;
use crate::reason::{Function, Reason, Stage};

/// A verdict, and the kernel function that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Told(u64);

const STAGE: u32 = 16;
const EVIDENCE: u32 = 24;
const FUNCTION: u32 = 32;
const MOVES: u32 = 48;

impl Told {
    /// What is to be told.
    #[must_use]
    #[inline]
    pub const fn new(verdict: &Verdict, function: Function) -> Self {
        Self(
            verdict.reason as u64
                | (verdict.stage as u64) << STAGE
                | (verdict.evidence as u64) << EVIDENCE
                | (function as u64) << FUNCTION
                | (verdict.moves.0 as u64) << MOVES,
        )
    }

    /// The number of its [`Reason`].
    #[must_use]
    pub const fn reason(self) -> u16 {
        let [low, high, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// The number of its [`Stage`].
    #[must_use]
    pub const fn stage(self) -> u8 {
        self.byte(STAGE)
    }

    /// The number of its [`Evidence`](crate::Evidence).
    #[must_use]
    pub const fn evidence(self) -> u8 {
        self.byte(EVIDENCE)
    }

    /// The number of its [`Function`].
    #[must_use]
    pub const fn function(self) -> u8 {
        self.byte(FUNCTION)
    }

    const fn byte(self, shift: u32) -> u8 {
        (self.0 >> shift).to_le_bytes()[0]
    }

    /// The counters that this very event moved by one.
    #[must_use]
    pub const fn moves(self) -> Counters {
        let [.., low, high] = self.0.to_le_bytes();
        Counters(u16::from_le_bytes([low, high]))
    }

    /// Whether it is this reason.
    #[must_use]
    pub const fn is(self, reason: Reason) -> bool {
        self.reason() == reason as u16
    }

    /// Whether it names something that is no drop.
    #[must_use]
    pub const fn is_notice(self) -> bool {
        self.reason() >= Reason::FIRST_NOTICE
    }

    /// Whether it turns away a packet of a client.
    #[must_use]
    pub const fn refuses(self) -> bool {
        !self.is_notice() && self.stage() != Stage::Request as u8
    }

    /// As [`Reason::keeps_out`].
    #[must_use]
    pub const fn keeps_out(self) -> bool {
        nature::keeps_out(self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::classify::Verdict;
    use crate::reason::{Evidence, Function, Reason, Stage};

    #[test]
    fn nothing_is_lost_in_the_number() {
        for &reason in Reason::ALL {
            for &stage in Stage::ALL {
                for evidence in [Evidence::Observed, Evidence::Inferred] {
                    let verdict = Verdict { reason, stage, evidence, moves: reason.moves() };
                    let told = Told::new(&verdict, Function::TcpCheckReq);
                    assert_eq!(told.reason(), reason as u16);
                    assert_eq!(told.stage(), stage as u8);
                    assert_eq!(told.evidence(), evidence as u8);
                    assert_eq!(told.function(), Function::TcpCheckReq as u8);
                    assert_eq!(told.moves(), reason.moves());
                    assert_eq!(told.is_notice(), reason.is_notice());
                    assert_eq!(told.keeps_out(), reason.keeps_out());
                    assert!(told.is(reason));
                    assert_eq!(told.refuses(), !reason.is_notice() && stage != Stage::Request);
                }
            }
        }
    }
}
