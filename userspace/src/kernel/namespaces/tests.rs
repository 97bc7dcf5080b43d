use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ebpf_probes::Counter;
use tempfile::TempDir;

use super::{Baseline, FIRST_PIDS, NamespaceError, Namespaces};
use crate::kernel::TcpExt;

/// A `/proc` and a folder of names, in a folder of its own.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.process("1", 100, [0, 0, 0]);
        machine.process("self", 100, [0, 0, 0]);
        symlink(FIRST_PIDS, machine.proc().join("self/ns/pid")).unwrap();
        machine
    }

    fn proc(&self) -> &Path {
        self.0.path()
    }

    fn process(&self, pid: &str, netns: u32, counters: [u64; 3]) {
        let folder = self.proc().join(pid);
        fs::create_dir_all(folder.join("ns")).unwrap();
        fs::create_dir_all(folder.join("net")).unwrap();
        let link = folder.join("ns/net");
        let _ = fs::remove_file(&link);
        symlink(format!("net:[{netns}]"), link).unwrap();
        let [overflows, drops, full] = counters;
        let text = format!(
            "TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop SyncookiesFailed \
             TCPDeferAcceptDrop PAWSEstab EmbryonicRsts TCPFastOpenListenOverflow\n\
             TcpExt: {overflows} {drops} {full} 0 0 0 0 0\n"
        );
        fs::write(folder.join("net/netstat"), text).unwrap();
    }

    fn end(&self, pid: &str) {
        fs::remove_dir_all(self.proc().join(pid)).unwrap();
    }

    fn look(&self) -> Namespaces {
        Namespaces::scan(self.proc(), &[&self.proc().join("no-such-folder")])
    }
}

#[test]
fn processes_of_one_namespace_are_one() {
    let machine = Machine::new();
    machine.process("17", 200, [1, 2, 3]);
    machine.process("18", 200, [1, 2, 3]);
    fs::create_dir(machine.proc().join("acpi")).unwrap();
    let found = machine.look();
    assert_eq!(found.inums().collect::<Vec<_>>(), [100, 200]);
    assert_eq!(found.own(), Some(100));
    assert!(found.complete());
    assert_eq!(found.counters(200).unwrap(), TcpExt::from([1, 2, 3, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn another_process_stands_in_for_one_that_ended() {
    let machine = Machine::new();
    machine.process("17", 200, [1, 2, 3]);
    machine.process("18", 200, [1, 2, 3]);
    let found = machine.look();
    machine.end("17");
    assert!(found.counters(200).is_ok());
    machine.end("18");
    assert!(matches!(found.counters(200), Err(NamespaceError::Gone(200))));
}

#[test]
fn a_process_that_moved_is_no_way_in() {
    let machine = Machine::new();
    machine.process("17", 200, [1, 2, 3]);
    let found = machine.look();
    machine.process("17", 300, [50, 50, 50]);
    assert!(matches!(found.counters(200), Err(NamespaceError::Gone(200))));
}

#[test]
fn what_moved_since_the_start_is_told() {
    let machine = Machine::new();
    machine.process("17", 200, [10, 20, 30]);
    let baseline = Baseline::of(&machine.look());
    machine.process("17", 200, [13, 24, 30]);
    assert_eq!(
        baseline.delta(&machine.look(), 200),
        Some(TcpExt::from([3, 4, 0, 0, 0, 0, 0, 0, 0]))
    );
}

#[test]
fn a_new_namespace_began_at_zero() {
    let machine = Machine::new();
    let baseline = Baseline::of(&machine.look());
    machine.process("17", 200, [3, 4, 0]);
    assert_eq!(
        baseline.delta(&machine.look(), 200),
        Some(TcpExt::from([3, 4, 0, 0, 0, 0, 0, 0, 0]))
    );
}

#[test]
fn nothing_is_assumed_of_what_could_have_been_overlooked() {
    let blind: [fn(&Machine); 3] = [
        |machine| {
            let link = machine.proc().join("self/ns/pid");
            fs::remove_file(&link).unwrap();
            symlink("pid:[4026532000]", link).unwrap();
        },
        |machine| machine.end("1"),
        |machine| {
            // Neither a namespace nor gone, as where the right to look is missing.
            machine.process("16", 200, [0; 3]);
            let link = machine.proc().join("16/ns/net");
            fs::remove_file(&link).unwrap();
            fs::write(link, "").unwrap();
        },
    ];
    for make_blind in blind {
        let machine = Machine::new();
        make_blind(&machine);
        let found = machine.look();
        assert!(!found.complete());
        let baseline = Baseline::of(&found);
        machine.process("17", 300, [3, 4, 0]);
        assert_eq!(baseline.delta(&machine.look(), 300), None);
        assert_eq!(baseline.delta(&machine.look(), 100), Some(TcpExt::default()));
    }
}

#[test]
fn a_vanished_namespace_is_unknown() {
    let machine = Machine::new();
    machine.process("17", 200, [10, 20, 30]);
    let baseline = Baseline::of(&machine.look());
    machine.end("17");
    assert_eq!(baseline.delta(&machine.look(), 200), None);
}

#[test]
fn a_number_that_was_given_again_is_unknown() {
    let machine = Machine::new();
    machine.process("17", 200, [10, 20, 30]);
    let baseline = Baseline::of(&machine.look());
    machine.process("17", 200, [11, 3, 30]);
    assert_eq!(baseline.delta(&machine.look(), 200), None);
}

#[test]
fn a_namespace_that_could_not_be_read_is_unknown() {
    let machine = Machine::new();
    machine.process("17", 200, [10, 20, 30]);
    fs::write(machine.proc().join("17/net/netstat"), "TcpExt:").unwrap();
    let baseline = Baseline::of(&machine.look());
    assert!(matches!(machine.look().counters(200), Err(NamespaceError::Parse { .. })));
    machine.process("17", 200, [10, 20, 30]);
    assert_eq!(baseline.delta(&machine.look(), 200), None);
}

#[test]
fn a_file_that_nothing_is_mounted_on_is_no_namespace() {
    let machine = Machine::new();
    let names = machine.proc().join("names");
    fs::create_dir(&names).unwrap();
    fs::write(names.join("left-over"), "").unwrap();
    let found = Namespaces::scan(machine.proc(), &[&names]);
    assert_eq!(found.inums().collect::<Vec<_>>(), [100]);
    assert!(found.complete());
}

#[test]
fn the_own_namespace_can_be_read_on_any_machine() {
    let found = Namespaces::enumerate();
    let own = found.own().unwrap();
    let counters = found.counters(own).unwrap();
    let again = found.counters(own).unwrap();
    assert!(again.since(&counters).is_some());
    assert!(again.get(Counter::ListenDrops) >= counters.get(Counter::ListenDrops));
}
