//! By which kind of probe a function is watched, and what decides that.
//!
//! fentry and fexit cost a third of a kprobe and a kretprobe, and need no rights to perf events.
//! Not every kernel has them, and not every function takes them; where a kernel refuses one, that is
//! kept here, and the plan is made again.

use std::fs;

use super::btf::{KernelBtf, Prototype};
use super::direct::Direct;
use super::hooks::Hook;

/// Says 1 on a kernel with PREEMPT_RT.
const REALTIME: &str = "/sys/kernel/realtime";

/// What fentry saves parameters with (arch/x86/net/bpf_jit_comp.c) since it passes on more of them
/// than registers hold: since 6.6.
const PASSES_MANY: &str = "save_args";

/// What is looked for among the kernel's types.
pub const NAMES: [&str; 1] = [PASSES_MANY];

/// Programs that run with softirqs on and use memory of their CPU. A kprobe's program is never
/// preempted; that of fentry can be, by another thread that comes by the same function.
const PREEMPTIBLE: &[&str] = &["accepted", "wait_ended"];

/// The words of a kprobe's context (`struct pt_regs` of x86-64) that hold the first six arguments.
const REGISTERS: [u8; 6] = [14, 13, 12, 11, 9, 8];

/// The one that holds what was returned.
const RETURN_REGISTER: u8 = 10;

/// What the user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// For each function the cheapest that this kernel allows
    #[default]
    Auto,
    /// fentry and fexit only; functions that do not take them are not watched
    Fentry,
    /// kprobes and kretprobes only
    Kprobe,
}

/// A kind of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attach {
    /// A kprobe or kretprobe.
    Kprobe,
    /// fentry or fexit of the function with this id among the kernel's types.
    Fentry {
        /// The id.
        id: u32,
    },
}

impl Attach {
    /// What users call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe",
            Self::Fentry { .. } => "fentry",
        }
    }

    /// Which word of a probe's context holds a parameter, by its position.
    pub(super) fn parameter(self, position: usize) -> Option<u8> {
        match self {
            Self::Kprobe => REGISTERS.get(position).copied(),
            Self::Fentry { .. } => u8::try_from(position).ok(),
        }
    }

    /// Which one holds what was returned.
    pub(super) fn returned(self, prototype: &Prototype) -> Option<u8> {
        match self {
            Self::Kprobe => Some(RETURN_REGISTER),
            Self::Fentry { .. } => u8::try_from(prototype.parameters.len()).ok(),
        }
    }
}

/// Why a function does not take fentry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The kernel has several of that name.
    #[error("it is one of several of its name, which fentry cannot tell apart")]
    Ambiguous,
    /// It takes more than registers hold.
    #[error("it takes more parameters than this kernel's fentry passes on")]
    Wide,
    /// It takes or returns structs.
    #[error("it takes or returns a struct, which fentry cannot pass on")]
    ByValue,
    /// What the program does there must not be interrupted.
    #[error("a program of fentry could be preempted there, and would mix up what it gathers")]
    Preemptible,
    /// The kernel refused it.
    #[error("the kernel refused fentry there")]
    Refused,
    /// The kernel has threads run where others keep them out.
    #[error("on a kernel with PREEMPT_RT a program of fentry could be preempted anywhere")]
    Realtime,
}

/// What may be used.
#[derive(Debug, Clone)]
pub struct Means {
    /// What the user chose.
    pub choice: Choice,
    /// Programs that the kernel refused in every kind.
    pub excluded: Vec<&'static str>,
    /// Whether programs may read the kernel's memory by instructions.
    pub direct: bool,
    /// Why fentry is out of the question, if it is.
    hopeless: Option<Unfit>,
}

impl Means {
    /// What the user chose, on a kernel that has everything.
    pub fn new(choice: Choice) -> Self {
        Self { choice, excluded: Vec::new(), direct: true, hopeless: None }
    }

    /// What the user chose, on the running kernel.
    pub fn of_this_kernel(choice: Choice) -> Self {
        let hopeless = is_realtime().then_some(Unfit::Realtime);
        Self { hopeless, direct: Direct::is_possible(), ..Self::new(choice) }
    }

    /// kprobes and nothing else, without some programs.
    pub fn kprobes(excluded: &[&'static str]) -> Self {
        Self { excluded: excluded.to_vec(), ..Self::new(Choice::Kprobe) }
    }

    /// Learns that the kernel refused fentry of a function: others will fare no better.
    pub const fn refuse(&mut self) {
        self.hopeless = Some(Unfit::Refused);
    }

    /// By which kind a hook is attached to a function of this prototype.
    ///
    /// # Errors
    /// Why it does not take fentry, if nothing else is allowed.
    pub(super) fn of(
        &self,
        hook: &Hook,
        prototype: &Prototype,
        btf: &KernelBtf,
    ) -> Result<Attach, Unfit> {
        match (self.choice, self.fentry(hook, prototype, btf)) {
            (Choice::Kprobe, _) | (Choice::Auto, Err(_)) => Ok(Attach::Kprobe),
            (_, fitting) => fitting,
        }
    }

    fn fentry(&self, hook: &Hook, prototype: &Prototype, btf: &KernelBtf) -> Result<Attach, Unfit> {
        let is_wide = prototype.parameters.len() > REGISTERS.len();
        if let Some(why) = self.hopeless {
            Err(why)
        } else if hook.programs.iter().any(|(program, _)| PREEMPTIBLE.contains(program)) {
            Err(Unfit::Preemptible)
        } else if is_wide && btf.function(PASSES_MANY).is_err() {
            Err(Unfit::Wide)
        } else if prototype.by_value {
            Err(Unfit::ByValue)
        } else {
            prototype.id.map(|id| Attach::Fentry { id }).ok_or(Unfit::Ambiguous)
        }
    }
}

/// Whether the running kernel has PREEMPT_RT.
pub(super) fn is_realtime() -> bool {
    fs::read_to_string(REALTIME).is_ok_and(|text| text.trim() == "1")
}
