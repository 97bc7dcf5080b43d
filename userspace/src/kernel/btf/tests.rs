use ebpf_probes::FieldSlot;
use proptest::prelude::*;

use super::blob::{Blob, VOID};
use super::{KernelBtf, LookupError, Returned};

const WANTED: &[&str] = &["outer", "other", "asked", "named", "SECOND", "THIRD", "TWO"];

fn parse(blob: Blob) -> KernelBtf {
    KernelBtf::from_bytes(&blob.finish(), "test", WANTED).expect("the blob is well-formed")
}

fn slot(offset: u32, size: u32) -> FieldSlot {
    FieldSlot { offset, size }
}

#[test]
fn a_path_leads_through_nested_structs_and_typedefs() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    let counter = blob.volatile(int);
    let atomic = blob.structure("", 4, &[("counter", counter, 0)]);
    let atomic = blob.typedef("atomic_t", atomic);
    let queue = blob.structure("queue", 12, &[("lock", int, 0), ("qlen", atomic, 64)]);
    blob.structure("outer", 112, &[("pad", int, 0), ("queue", queue, 800)]);
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "queue.qlen.counter").unwrap(), slot(108, 4));
    assert_eq!(btf.field("outer", "queue.qlen").unwrap(), slot(108, 4));
    assert_eq!(btf.field("outer", "queue").unwrap(), slot(100, 12));
}

/// More names than are copied at once, so that some lie in two pieces.
#[test]
fn names_are_found_wherever_they_lie() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    for nth in 0..7_000 {
        blob.structure(&format!("a_name_of_a_struct_that_nobody_asks_for_{nth:07}"), 4, &[]);
        match nth {
            0 => _ = blob.structure("outer", 4, &[("first", int, 0)]),
            3_500 => _ = blob.structure("other", 8, &[("middle", int, 32)]),
            _ => {}
        }
    }
    blob.function("asked", VOID, &[("last", int)]);
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "first").unwrap(), slot(0, 4));
    assert_eq!(btf.field("other", "middle").unwrap(), slot(4, 4));
    assert_eq!(btf.function("asked").unwrap().parameters, ["last"]);
}

#[test]
fn anonymous_members_are_passed_through() {
    let mut blob = Blob::new();
    let short = blob.int("u16", 2);
    let inner = blob.structure("", 4, &[("transport", short, 0), ("network", short, 16)]);
    let named = blob.structure("", 4, &[("transport", short, 0), ("network", short, 16)]);
    let group = blob.union("", 4, &[("", inner, 0), ("headers", named, 0)]);
    blob.structure("outer", 12, &[("first", short, 0), ("", group, 64)]);
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "network").unwrap(), slot(10, 2));
    assert_eq!(btf.field("outer", "headers.network").unwrap(), slot(10, 2));
}

#[test]
fn sizes_come_from_the_type() {
    let mut blob = Blob::new();
    let (byte, long) = (blob.int("u8", 1), blob.int("unsigned long", 8));
    let (pointer, array) = (blob.pointer(VOID), blob.array(long, 3));
    let kind = blob.enumeration("kind", &[("A", 0)]);
    blob.structure(
        "outer",
        64,
        &[("byte", byte, 0), ("kind", kind, 32), ("pointer", pointer, 64), ("array", array, 128)],
    );
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "byte").unwrap(), slot(0, 1));
    assert_eq!(btf.field("outer", "kind").unwrap(), slot(4, 4));
    assert_eq!(btf.field("outer", "pointer").unwrap(), slot(8, 8));
    assert_eq!(btf.field("outer", "array").unwrap(), slot(16, 24));
    assert_eq!(btf.element("outer", "array").unwrap(), slot(16, 8));
    assert!(matches!(btf.element("outer", "byte"), Err(LookupError::Damaged(_))));
}

#[test]
fn a_bitfield_is_refused_and_its_neighbours_are_not() {
    let mut blob = Blob::new();
    let (byte, int) = (blob.int("u8", 1), blob.int("int", 4));
    blob.bitfields(
        "outer",
        8,
        &[("flag", byte, 1 << 24), ("rest", byte, 7 << 24 | 1), ("whole", int, 32)],
    );
    let btf = parse(blob);
    for member in ["flag", "rest"] {
        assert!(matches!(btf.field("outer", member), Err(LookupError::Bitfield { .. })));
    }
    assert_eq!(btf.field("outer", "whole").unwrap(), slot(4, 4));
}

#[test]
fn what_is_not_there_is_named() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    blob.structure("outer", 4, &[("a", int, 0)]);
    let btf = parse(blob);
    let message = |path| btf.field("outer", path).unwrap_err().to_string();
    assert_eq!(message("b"), "struct outer has no member b");
    assert_eq!(message("a.b"), "struct outer has no member a.b");
    assert_eq!(btf.field("other", "a").unwrap_err().to_string(), "the kernel has no struct other");
    assert_eq!(btf.function("asked").unwrap_err().to_string(), "the kernel has no function asked");
}

#[test]
fn namesakes_must_agree() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    blob.structure("outer", 8, &[("same", int, 0), ("moved", int, 32)]);
    blob.structure("outer", 12, &[("same", int, 0), ("moved", int, 64), ("more", int, 32)]);
    blob.function("asked", int, &[("sk", int)]);
    blob.function("asked", int, &[("skb", int)]);
    blob.function("other", int, &[("sk", int)]);
    blob.function("other", int, &[("sk", int)]);
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "same").unwrap(), slot(0, 4));
    assert_eq!(btf.field("outer", "more").unwrap(), slot(4, 4));
    assert!(matches!(btf.field("outer", "moved"), Err(LookupError::Ambiguous(_))));
    assert!(matches!(btf.function("asked"), Err(LookupError::Ambiguous(_))));
    assert_eq!(btf.function("other").unwrap().parameters, ["sk"]);
}

#[test]
fn prototypes_tell_names_in_order_and_the_kind_of_return() {
    let mut blob = Blob::new();
    let (int, truth, pointer) = (blob.int("int", 4), blob.bool(), blob.pointer(VOID));
    let truth = blob.typedef("truth", truth);
    let plain = blob.structure("plain", 16, &[]);
    blob.function("asked", truth, &[("sk", pointer), ("skb", pointer), ("count", int)]);
    blob.function("other", VOID, &[]);
    blob.function("named", plain, &[("", int)]);
    let btf = parse(blob);
    let asked = btf.function("asked").unwrap();
    assert_eq!(asked.parameters, ["sk", "skb", "count"]);
    assert_eq!(asked.returned, Returned::Bool);
    assert_eq!(btf.function("other").unwrap().returned, Returned::Void);
    assert_eq!(btf.function("named").unwrap().returned, Returned::Other);
}

#[test]
fn enumerators_are_found_in_the_enums_that_have_a_wanted_one() {
    let mut blob = Blob::new();
    blob.enumeration("", &[("FIRST", 0), ("SECOND", 7)]);
    blob.enumeration("kind", &[("THIRD", 9)]);
    blob.enumeration("", &[("FOURTH", 4)]);
    let btf = parse(blob);
    let found = btf.enumerators(["THIRD", "SECOND", "FIRST", "FOURTH", "FIFTH"]);
    assert_eq!(found, [Some(9), Some(7), Some(0), None, None]);
}

#[test]
fn a_name_is_wanted_as_a_whole() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    blob.structure("outermost", 4, &[("a", int, 0)]);
    blob.structure("oute", 4, &[("a", int, 0)]);
    blob.typedef("outer", int);
    let btf = parse(blob);
    assert!(matches!(btf.field("outer", "a"), Err(LookupError::NoStruct(_))));
    assert!(matches!(btf.field("outermost", "a"), Err(LookupError::NoStruct(_))));
}

#[test]
fn a_name_may_be_the_end_of_another_one() {
    let mut blob = Blob::new();
    blob.structure("shouter", 4, &[]);
    let mut bytes = blob.finish();
    let found = |bytes: &[u8]| {
        KernelBtf::from_bytes(bytes, "test", WANTED).expect("well-formed").has_struct("outer")
    };
    assert!(!found(&bytes));
    // The first word of the first type is where its name is.
    bytes[24] += 2;
    assert!(found(&bytes));
}

#[test]
fn what_is_wanted_is_found_behind_much_that_is_not() {
    let mut blob = Blob::new();
    let int = blob.int("int", 4);
    // More names and types than are read at once, of lengths that no piece is a multiple of.
    for n in 0..9_000 {
        blob.structure(&format!("needless_{n}"), 4, &[("a", int, 0)]);
    }
    blob.structure("outer", 8, &[("a", int, 32)]);
    let many: Vec<_> = (0..9_000).map(|n| format!("NEEDLESS_{n}")).collect();
    let mut values: Vec<_> = many.iter().map(|name| (name.as_str(), 0)).collect();
    values.push(("SECOND", 7));
    blob.enumeration("", &values);
    blob.function("asked", int, &[("sk", int)]);
    let btf = parse(blob);
    assert_eq!(btf.field("outer", "a").unwrap(), slot(4, 4));
    assert_eq!(btf.enumerators(["SECOND"]), [Some(7)]);
    assert_eq!(btf.function("asked").unwrap().id, Some(9_005));
}

#[test]
fn a_format_of_the_future_is_an_error() {
    for bit in [16, 23, 29, 30] {
        let mut blob = Blob::new();
        let int = blob.int("int", 4);
        blob.structure("outer", 4, &[("a", int, 0)]);
        let mut bytes = blob.finish();
        let info = 24 + 16 + 4;
        bytes[info + bit / 8] |= 1 << (bit % 8);
        assert!(KernelBtf::from_bytes(&bytes, "test", WANTED).is_err(), "bit {bit}");
    }
}

#[test]
fn a_type_that_contains_itself_is_damage() {
    let mut blob = Blob::new();
    let myself = 1;
    blob.structure("outer", 4, &[("", myself, 0), ("", myself, 0), ("loop", 2, 0)]);
    blob.typedef("turn", 2);
    let btf = parse(blob);
    assert!(matches!(btf.field("outer", "absent"), Err(LookupError::Damaged(_))));
    assert!(matches!(btf.field("outer", "loop"), Err(LookupError::Damaged(_))));
}

#[test]
fn what_is_no_btf_is_an_error() {
    for bytes in [&b""[..], b"\x9f", b"no type information, but long enough for a header"] {
        assert!(KernelBtf::from_bytes(bytes, "test", WANTED).is_err());
    }
}

fn sample() -> Vec<u8> {
    let mut blob = Blob::new();
    let (int, pointer) = (blob.int("int", 4), blob.pointer(VOID));
    let inner = blob.structure("", 8, &[("a", int, 0), ("b", int, 32)]);
    let array = blob.array(int, 5);
    blob.structure("outer", 48, &[("", inner, 0), ("p", pointer, 64), ("list", array, 128)]);
    blob.enumeration("", &[("ONE", 1), ("TWO", 2)]);
    blob.function("asked", int, &[("sk", pointer), ("skb", pointer)]);
    blob.finish()
}

/// Asks everything; whatever the answers, they must be answers.
fn ask(bytes: &[u8]) -> bool {
    let Ok(btf) = KernelBtf::from_bytes(bytes, "test", WANTED) else { return false };
    let found = [
        btf.field("outer", "b").is_ok(),
        btf.element("outer", "list").is_ok(),
        btf.function("asked").is_ok(),
        btf.enumerators(["ONE", "TWO"]) == [Some(1), Some(2)],
    ];
    found == [true; 4]
}

#[test]
fn the_sample_answers_until_it_is_cut_short() {
    let whole = sample();
    assert!(ask(&whole));
    for end in 0..whole.len() {
        assert!(!ask(&whole[..end]), "cut at {end}");
    }
}

proptest! {
    #[test]
    fn damage_is_survived(at in 0..sample().len(), with: u8, more in 0..sample().len()) {
        let mut bytes = sample();
        bytes[at] ^= with;
        bytes[more] = with;
        ask(&bytes);
    }

    #[test]
    fn noise_is_survived(noise in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut bytes = vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
        bytes.extend(noise);
        ask(&bytes);
    }
}
