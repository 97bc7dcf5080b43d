use rustix::thread::CapabilitySet;

use super::{Gap, Lockdown, Rights, State, Unmet, confidential, version};
use crate::exit::Exit;

/// Root of a recent machine.
pub(in crate::kernel) fn root() -> Rights {
    Rights {
        architecture: "x86_64",
        release: "6.12.107+deb13-cloud-amd64".to_owned(),
        has_btf: true,
        has_kprobes: true,
        lockdown: Some(Lockdown::Open),
        first_users: Some(true),
        capabilities: CapabilitySet::all(),
        locked_memory: Some(8 << 20),
        paranoid: Some(3),
        seccomp: false,
    }
}

/// An ordinary user of it.
pub(in crate::kernel) fn nobody() -> Rights {
    Rights { capabilities: CapabilitySet::empty(), ..root() }
}

fn gaps(rights: &Rights) -> Vec<Gap> {
    rights.check().err().as_ref().map(Unmet::gaps).unwrap_or_default().to_vec()
}

#[test]
fn nothing_is_in_the_way_of_root() {
    assert_eq!(root().check(), Ok(()));
    assert_eq!(root().suspicions(), []);
    let unsure = Rights { lockdown: None, first_users: None, paranoid: None, ..root() };
    assert_eq!(unsure.check(), Ok(()));
}

#[test]
fn two_capabilities_are_enough_and_each_is_needed() {
    let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let with = |capabilities| Rights { capabilities, ..root() };
    assert_eq!(gaps(&with(both)), []);
    assert_eq!(gaps(&with(CapabilitySet::SYS_ADMIN)), []);
    assert_eq!(gaps(&with(CapabilitySet::BPF)), [Gap::Capabilities(vec!["CAP_PERFMON"])]);
    assert_eq!(gaps(&with(CapabilitySet::PERFMON)), [Gap::Capabilities(vec!["CAP_BPF"])]);
    let none = with(CapabilitySet::empty());
    assert_eq!(gaps(&none), [Gap::Capabilities(vec!["CAP_BPF", "CAP_PERFMON"])]);
    let unmet = none.check().unwrap_err();
    assert_eq!(unmet.exit(), Exit::NotPermitted);
    assert_eq!(
        unmet.to_string(),
        "failed to get the right to load and attach probes: CAP_BPF and CAP_PERFMON are missing, \
         run syndrop as root (sudo) or grant it (setcap cap_bpf,cap_perfmon=ep)"
    );
}

#[test]
fn what_no_right_can_change_decides_the_exit() {
    let alone: [(Rights, Gap); 4] = [
        (Rights { architecture: "aarch64", ..root() }, Gap::Architecture("aarch64")),
        (Rights { has_btf: false, ..root() }, Gap::NoBtf),
        (Rights { has_kprobes: false, ..root() }, Gap::NoKprobes),
        (Rights { lockdown: Some(Lockdown::Closed), ..root() }, Gap::LockedDown),
    ];
    for (rights, gap) in alone {
        assert_eq!(gaps(&rights), [gap]);
        assert_eq!(rights.check().unwrap_err().exit(), Exit::Unsupported);
    }
    let nobody = Rights { capabilities: CapabilitySet::empty(), has_btf: false, ..root() };
    let unmet = nobody.check().unwrap_err();
    assert_eq!(unmet.gaps().len(), 2, "all of it at once");
    assert_eq!(unmet.exit(), Exit::Unsupported);
}

#[test]
fn root_of_a_user_namespace_is_nobody() {
    let rootless = Rights { first_users: Some(false), ..root() };
    assert_eq!(gaps(&rootless), [Gap::UserNamespace]);
    assert_eq!(rootless.check().unwrap_err().exit(), Exit::NotPermitted);
}

#[test]
fn locked_memory_matters_on_old_kernels_without_the_right_to_raise_it() {
    let few = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let old = Rights {
        release: "5.10.0-46-cloud-amd64".to_owned(),
        capabilities: few,
        locked_memory: Some(65_536),
        ..root()
    };
    assert_eq!(gaps(&old), [Gap::LockedMemory(65_536)]);
    assert_eq!(gaps(&Rights { locked_memory: None, ..old.clone() }), []);
    assert_eq!(gaps(&Rights { release: "5.11.0".to_owned(), ..old.clone() }), []);
    let may_raise = few | CapabilitySet::SYS_RESOURCE;
    assert_eq!(gaps(&Rights { capabilities: may_raise, ..old }), []);
}

#[test]
fn what_only_some_kernels_refuse_is_a_suspicion() {
    let few = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let user = Rights { capabilities: few, seccomp: true, ..root() };
    assert_eq!(user.check(), Ok(()));
    assert_eq!(user.suspicions(), [Gap::Paranoid(3), Gap::Seccomp]);
    let locked = Rights { lockdown: Some(Lockdown::Direct), ..root() };
    assert_eq!(locked.check(), Ok(()));
    assert_eq!(locked.suspicions(), [Gap::WithoutKprobes]);
    let relaxed = Rights { paranoid: Some(2), seccomp: false, ..user };
    assert_eq!(relaxed.suspicions(), []);
}

#[test]
fn every_message_is_one_line_that_says_what_to_do() {
    let all = [
        Gap::Architecture("aarch64"),
        Gap::NoBtf,
        Gap::LockedDown,
        Gap::WithoutKprobes,
        Gap::UserNamespace,
        Gap::Capabilities(vec!["CAP_BPF"]),
        Gap::LockedMemory(65_536),
        Gap::Paranoid(3),
        Gap::Seccomp,
    ];
    for gap in all {
        let message = gap.to_string();
        assert!(!message.contains('\n') && !message.contains("  "), "{message}");
        assert!(
            ["run", "boot", "sysctl", "needs"].iter().any(|remedy| message.contains(remedy)),
            "{message}"
        );
    }
}

#[test]
fn lockdown_is_the_level_in_brackets() {
    assert!(confidential("none integrity [confidentiality]\n"));
    assert!(!confidential("[none] integrity confidentiality\n"));
    assert!(!confidential("none [integrity] confidentiality\n"));
}

#[test]
fn releases_begin_with_two_numbers() {
    assert_eq!(version("5.10.0-46-cloud-amd64"), Some((5, 10)));
    assert_eq!(version("6.12.107+deb13"), Some((6, 12)));
    assert_eq!(version("7.3-cloud"), Some((7, 3)));
    assert_eq!(version("next"), None);
}

#[test]
fn this_machine_can_be_asked() {
    let rights = Rights::read();
    assert_eq!(rights.release, crate::kernel::release());
    if let Err(unmet) = rights.check() {
        assert!(!unmet.gaps().is_empty());
    }
}

#[test]
fn checks_say_the_same_as_the_gaps() {
    let few = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let none = CapabilitySet::empty();
    let all = [
        root(),
        Rights { architecture: "aarch64", has_btf: false, has_kprobes: false, ..root() },
        Rights { lockdown: Some(Lockdown::Closed), first_users: Some(false), ..root() },
        Rights { lockdown: None, first_users: None, paranoid: None, ..root() },
        Rights { capabilities: none, seccomp: true, ..root() },
        Rights { lockdown: Some(Lockdown::Direct), ..root() },
        Rights { capabilities: few, ..root() },
        Rights {
            capabilities: few,
            release: "5.10.0".to_owned(),
            locked_memory: Some(1),
            ..root()
        },
    ];
    for rights in all {
        let with = |state| rights.checks().iter().filter(|check| check.state == state).count();
        let gaps = gaps(&rights);
        let count = |gap: &Gap| match gap {
            Gap::Capabilities(names) => names.len(),
            _ => 1,
        };
        assert_eq!(with(State::Unmet), gaps.iter().map(count).sum::<usize>(), "{rights:?}");
        assert_eq!(with(State::Doubtful) > 0, !rights.suspicions().is_empty(), "{rights:?}");
    }
    let unsure = Rights { lockdown: None, ..root() };
    assert_eq!(unsure.checks().iter().filter(|it| it.state == State::Unknown).count(), 1);
}
