use ebpf_probes::{Arg, Reason};

use super::super::model::Model;
use super::super::{Plan, PlanError};
use super::{missing, programs};
use crate::kernel::hooks::{self, Asked, Kind};
use crate::kernel::{Attach, Choice, Means};

#[test]
fn where_an_argument_lies_depends_on_the_kind_of_probe() {
    let words = |choice| {
        let means = Means::new(choice);
        let plan = Plan::resolve(&Model::default().btf(), Asked::default(), &means).unwrap();
        let at = |arg: Arg| plan.layout.args[arg as usize];
        let words = [Arg::CheckReqSk, Arg::CheckReqFastopen, Arg::CheckReqReturned].map(at);
        (words, plan.attach())
    };
    // The registers rdi, rcx and rax in struct pt_regs.
    assert_eq!(words(Choice::Kprobe), ([14, 11, 10].map(Some), "kprobe"));
    // Six parameters, then what is returned.
    assert_eq!(words(Choice::Fentry), ([0, 3, 6].map(Some), "fentry"));
    assert_eq!(words(Choice::Auto), ([0, 3, 6].map(Some), "fentry"));
}

#[test]
fn a_hook_that_the_kernel_refuses_as_fentry_becomes_a_kprobe() {
    let kinds = |means: &Means| {
        let plan = Plan::resolve(&Model::default().btf(), Asked::EVERYTHING, means).unwrap();
        plan.probes.into_iter().map(|probe| (probe.program, probe.attach)).collect::<Vec<_>>()
    };
    let by_kprobe = |means: &Means| -> Vec<&str> {
        let kprobes = kinds(means).into_iter().filter(|(_, attach)| *attach == Attach::Kprobe);
        kprobes.map(|(program, _)| program).collect()
    };
    let mut means = Means::new(Choice::Auto);
    // It runs where another thread could come between.
    assert_eq!(by_kprobe(&means), ["accepted", "wait_ended"]);
    means.refuse();
    assert_eq!(by_kprobe(&means).len(), kinds(&means).len());
}

#[test]
fn a_function_of_many_parameters_is_hooked_by_a_kprobe_where_fentry_passes_on_few() {
    let old = Model { without: &["save_args"], ..Model::default() };
    let means = Means::new(Choice::Auto);
    let plan = Plan::resolve(&old.btf(), Asked::default(), &means).unwrap();
    let kprobes = plan.probes.iter().filter(|probe| probe.attach == Attach::Kprobe);
    let kprobes: Vec<_> = kprobes.map(|probe| probe.program).collect();
    // It takes nothing but what is returned, so the others still go alone.
    assert_eq!((kprobes, plan.config.whole), (vec!["v4_syn_recv_sock_whole"], 1));
    let refused = Plan::resolve(&old.btf(), Asked::default(), &Means::new(Choice::Fentry));
    let Err(PlanError::Hook { target, source, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(target, "tcp_v4_syn_recv_sock");
    assert_eq!(source.to_string(), "it takes more parameters than this kernel's fentry passes on");
}

#[test]
fn fentry_alone_misses_what_does_not_take_it() {
    let means = Means::new(Choice::Fentry);
    let plan = Plan::resolve(&Model::default().btf(), Asked::EVERYTHING, &means).unwrap();
    assert_eq!(missing(&plan), ["accepted", "wait_ended"]);
    assert!(plan.unobservable.contains(&Reason::Accepted));
}

#[test]
fn by_fentry_one_program_does_what_takes_two_by_kprobe() {
    let model = Model { own_prototypes: true, ..Model::default() };
    let plan = |means: &Means| Plan::resolve(&model.btf(), Asked::EVERYTHING, means).unwrap();
    let (alone, several): (Vec<_>, Vec<_>) =
        hooks::all().filter_map(|hook| Some((hook.alone?.0, hook.programs))).unzip();
    let several: Vec<_> = several.into_iter().flatten().map(|(program, _)| *program).collect();
    let has = |plan: &Plan, wanted: &[&str]| {
        let programs = programs(plan);
        wanted.iter().filter(|program| programs.contains(program)).count()
    };
    let mut means = Means::new(Choice::Auto);
    let whole = plan(&means);
    // The entries of tcp_conn_request and reqsk_timer_handler are common to both.
    assert_eq!((has(&whole, &alone), has(&whole, &several)), (alone.len(), 2));
    assert_eq!(whole.config.whole, 1);
    let entries = whole.probes.iter().filter(|probe| {
        !probe.milestone && probe.kind == Kind::Entry && alone.contains(&probe.program)
    });
    assert_eq!(entries.count(), 2, "they are hooked last");
    // They do not take fentry: then none goes alone.
    means.refuse();
    for means in [means, Means::new(Choice::Kprobe)] {
        let pairs = plan(&means);
        // The return of tcp_conn_request is seen by those of its callers.
        assert_eq!((has(&pairs, &alone), has(&pairs, &several)), (2, several.len() - 1));
        assert_eq!(pairs.config.whole, 0);
    }
}

#[test]
fn a_program_goes_on_with_that_of_a_function_of_the_same_prototype() {
    let short = |model: Model<'_>, choice| {
        let plan = Plan::resolve(&model.btf(), Asked::default(), &Means::new(choice)).unwrap();
        let then = |program| plan.probes.iter().any(|probe| probe.program == program);
        let short = plan.probes.iter().filter_map(|probe| Some((probe.program, probe.goes_on?)));
        let short: Vec<_> = short.map(|(name, on)| (name, on.program, then(on.program))).collect();
        assert_eq!(plan.config, plan_of_several(model, choice).config, "{short:?}");
        short
    };
    let expected = [
        ("v6_conn_request_same", "v4_conn_request_whole", true),
        ("subflow_v4_conn_request_same", "v4_conn_request_whole", true),
        ("subflow_v6_conn_request_same", "v4_conn_request_whole", true),
        ("cookie_v6_exit_same", "cookie_v4_exit", true),
    ];
    assert_eq!(short(Model::default(), Choice::Auto), expected);
    let own = Model { own_prototypes: true, ..Model::default() };
    assert_eq!(short(own, Choice::Auto), []);
    assert_eq!(short(Model::default(), Choice::Kprobe), []);
    // Not all calls that ask for a child are watched: then none is judged at its return alone.
    let lacking = Model { without: &["cookie_v4_check"], ..Model::default() };
    assert_eq!(short(lacking, Choice::Auto), []);
}

fn plan_of_several(model: Model<'_>, choice: Choice) -> Plan {
    let model = Model { own_prototypes: true, ..model };
    Plan::resolve(&model.btf(), Asked::default(), &Means::new(choice)).unwrap()
}
