//! The programs that run in the kernel.
//!
//! `hook.rs` is the only file that knows how a function is hooked; the bodies below it take
//! plain addresses and return values.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        clippy::inline_always,
        reason = "a call is a frame of the 512 bytes of stack, and hides values from the verifier"
    )
)]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        clippy::cast_possible_truncation,
        reason = "registers are 64 bits wide whatever is in them"
    )
)]

#[cfg(target_arch = "bpf")]
mod probes;

/// The verifier refuses a program in which a panic can be reached: this loop never ends.
#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lets only programs under the GPL use the helpers that read its memory.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("these programs run in the kernel: build them with `cargo xtask bpf`");
    std::process::exit(2);
}
