//! What cargo alone cannot do for syndrop.

mod apt;
mod artifact;
mod bench;
mod bpf;
mod browser;
mod bzimage;
mod cache;
mod cli;
mod command;
mod console;
mod deb;
mod demo;
mod elf;
mod gate;
mod initramfs;
mod interrupt;
mod kernels;
mod lab;
mod machine;
mod mirror;
mod modules;
mod outfit;
mod programs;
mod qemu;
mod session;
mod test;
mod toolchain;
mod vm;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Task};
use crate::interrupt::Interrupted;

/// Our own failures; not 1, which a guest's command may well end with.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Bpf { check } => bpf::build(check).map(|()| 0),
        Task::Bench(options) => bench::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Lab(options) => lab::run(&options),
        Task::Gate(options) => gate::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Vm(options) => vm::run(&options),
    };
    match outcome {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(error) if error.is::<Interrupted>() => ExitCode::from(interrupt::EXIT_STATUS),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}
