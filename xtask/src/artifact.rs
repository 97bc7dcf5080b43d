//! What cargo builds for us, and where it put it.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::bpf;

/// The parts of cargo's JSON messages that name an executable.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The product: what `cargo build --release` gives every user.
pub(crate) fn syndrop() -> Result<PathBuf> {
    build("syndrop", &["build", "--release", "--package", "syndrop", "--bin", "syndrop"], &[])
}

/// The kernel tests, to be run in a guest beside the product.
pub(crate) fn vm_tests() -> Result<PathBuf> {
    let what = ["--release", "--package", "syndrop", "--features", "vm", "--test", "vm"];
    build("vm", &[&["test", "--no-run"], &what[..]].concat(), &[])
}

/// PID 1. Only its own crate is compiled anew for a static link: its dependencies come without C.
pub(crate) fn guest() -> Result<PathBuf> {
    guest_with(&[])
}

/// The same, optimized: where instructions are counted, its own should be few.
pub(crate) fn lean_guest() -> Result<PathBuf> {
    guest_with(&["--release"])
}

fn guest_with(options: &[&str]) -> Result<PathBuf> {
    let flags = ["-C", "target-feature=+crt-static", "-C", "strip=symbols"];
    // Quiet: it takes a second or two, once per guest.
    let what = ["rustc", "--quiet", "--package", "xtask", "--bin", "guest"];
    build("guest", &[&what, options].concat(), &flags)
}

/// The cargo that runs us, at work in the workspace, with the user's settings.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(bpf::workspace());
    command
}

fn build(target: &str, arguments: &[&str], flags: &[&str]) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    if !flags.is_empty() {
        command.arg("--").args(flags);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to start cargo to build {target}"))?;
    if !output.status.success() {
        bail!("failed to build {target}: cargo {} ended with {}", arguments[0], output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout), target)
        .with_context(|| format!("failed to find {target} in what cargo built"))
}

fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|built| built.name == target))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_of_the_target_is_found() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"syndrop"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"vm"},"executable":"/t/vm-0a"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, "vm"), Some(PathBuf::from("/t/vm-0a")));
        assert_eq!(executable(messages, "syndrop"), None);
    }
}
