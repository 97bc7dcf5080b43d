use super::{Names, each_nul};
use proptest::prelude::*;

/// The names' offsets, if they come in pieces of this size, with what was left of the one before.
fn offsets(names: &[u8], wanted: &[&str], size: usize) -> Vec<u32> {
    let mut found = Names::new(wanted);
    let mut rest = Vec::new();
    for piece in names.chunks(size) {
        rest.extend_from_slice(piece);
        rest.drain(..found.pass(&rest));
    }
    assert!(rest.is_empty());
    found.found.into_iter().map(|(offset, ())| offset).collect()
}

#[test]
fn names_are_found_whole_and_as_the_end_of_others_however_they_come() {
    let names = b"\0net\0subnet\0tcp_sock\0sock\0a\0ock\0";
    for size in 1..=names.len() {
        assert_eq!(offsets(names, &["net"], size), [1], "{size}");
        assert_eq!(offsets(names, &["sock"], size), [16, 21], "{size}");
        assert_eq!(offsets(names, &["tcp_sock", "ock"], size), [12, 28], "{size}");
        assert!(offsets(names, &["socks", "cp_soc"], size).is_empty(), "{size}");
    }
}

proptest! {
    #[test]
    fn each_zero_is_seen_and_nothing_else(
        bytes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0x7f, 0x80, 0xff]), 0..40)
    ) {
        let mut seen = Vec::new();
        each_nul(&bytes, |at| seen.push(at));
        let zeros: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == 0).collect();
        prop_assert_eq!(seen, zeros);
    }
}
