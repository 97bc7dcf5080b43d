//! The BPF object: built from `ebpf-probes/`, committed for everybody who only has stable Rust.
//!
//! The same sources give the same bytes on every machine: paths are mapped away, the tools'
//! versions are pinned in the manifest. That is what `--check` relies on.
mod manifest;
mod sysroot;

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use self::manifest::Manifest;
use self::sysroot::Sysroot;
use crate::toolchain::{self, BPF_LINKER, Rust};
use crate::{cache, command};

const TARGET: &str = "bpfel-unknown-none";
const PACKAGE: &str = "ebpf-probes";
const PROGRAM: &str = "syndrop-probes";
const OBJECT: &str = "userspace/bpf/syndrop.bpf.o";
const MANIFEST: &str = "userspace/bpf/MANIFEST.toml";
/// How to make a stale object fresh, for the end of messages.
const REMEDY: &str = "run `cargo xtask bpf` and commit userspace/bpf";

/// Builds the object and commits it to the tree; with `check` compares it with the one there.
pub(crate) fn build(check: bool) -> Result<()> {
    let root = workspace();
    let rust = Rust::here()?;
    if check {
        let manifest = Manifest::read(&root.join(MANIFEST))?;
        manifest.same_tools(&rust)?;
        manifest.verify(&root)?;
    }
    let object = compile(&root, &rust)?;
    if !check {
        let manifest = Manifest::describe(&root, &object, &rust)?;
        cache::write(&root.join(OBJECT), &object)?;
        cache::write(&root.join(MANIFEST), manifest.to_text()?.as_bytes())?;
        eprintln!("wrote {OBJECT} ({} bytes) and {MANIFEST}", object.len());
        return Ok(());
    }
    if object != read(&root.join(OBJECT))? {
        bail!("{OBJECT} is not what the sources give: {REMEDY}");
    }
    eprintln!("{OBJECT} is what the sources give");
    Ok(())
}

/// Whether object and sources are those of the manifest; needs no BPF toolchain.
pub(crate) fn verify() -> Result<()> {
    let root = workspace();
    Manifest::read(&root.join(MANIFEST))?.verify(&root)
}

/// Lints the kernel side for its own target; `cargo clippy` sees only its other face.
pub(crate) fn clippy() -> Result<()> {
    let root = workspace();
    let mut cargo = nested_cargo(&root, &Rust::here()?, "clippy")?;
    visible(cargo.args(["--lib", "--", "-D", "warnings"]))
}

/// The checkout that this xtask was built from.
pub(crate) fn workspace() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_owned)
}

/// The stripped object.
fn compile(root: &Path, rust: &Rust) -> Result<Vec<u8>> {
    eprintln!("building the BPF object (about a minute when nothing is built yet)");
    visible(&mut nested_cargo(root, rust, "build")?)?;
    let built = target_dir(root).join(TARGET).join("release").join(PROGRAM);
    let stripped = built.with_extension("stripped.o");
    // The loader reads no debug sections. BTF is left out too: a program of another kind than its
    // section says would not be found in it, and the kernel takes long to check every line of it.
    let mut strip = rust.objcopy()?;
    command::read(strip.arg("--strip-debug").arg(&built).arg(&stripped))?;
    read(&stripped)
}

/// Cargo for the BPF target. Only this one sees `RUSTC_BOOTSTRAP`: build scripts of the rest of the
/// workspace would try nightly features with it.
fn nested_cargo(root: &Path, rust: &Rust, subcommand: &str) -> Result<Command> {
    let linker = toolchain::bpf_linker()?;
    let sysroot = target_dir(root).join("sysroot");
    let sysroot = Sysroot::lay_out(&sysroot, rust, &rust.source()?)?;
    let mut cargo = toolchain::cargo();
    cargo
        .current_dir(root)
        .arg(subcommand)
        .args(["--release", "--package", PACKAGE, "--bin", PROGRAM])
        .args(["-Z", "build-std=core", "--target", TARGET, "--target-dir"])
        .arg(target_dir(root))
        .env("RUSTC", &sysroot.rustc)
        // Clippy stands in for the compiler, and asks for its sysroot in this way.
        .env("SYSROOT", &sysroot.dir)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, &sysroot.dir)?)
        // Found by name, so that its path is no part of what cargo hashes.
        .env("PATH", with_first_on_path(&linker)?);
    Ok(cargo)
}

fn flags(root: &Path, sysroot: &Path) -> Result<OsString> {
    let fixed = ["--cfg=bpf_target_arch=\"x86_64\""];
    let mut flags: Vec<OsString> = fixed.map(OsString::from).into();
    let mut map = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    // The last that fits wins. What is below the workspace is named from there by cargo.
    map(root, "/syndrop");
    let dependencies = dependency_dirs(root)?.into_iter().map(|dir| (dir, "/crates"));
    for (dir, to) in dependencies.chain([(sysroot.to_owned(), "/sysroot")]) {
        map(&dir, to);
        if let Ok(inside) = dir.strip_prefix(root) {
            map(inside, to);
        }
    }
    Ok(flags.join("\u{1f}".as_ref()))
}

/// Where cargo keeps the sources of dependencies: its registry, or wherever they are vendored.
fn dependency_dirs(root: &Path) -> Result<BTreeSet<PathBuf>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        source: Option<String>,
        manifest_path: PathBuf,
    }
    let mut cargo = toolchain::cargo();
    cargo.current_dir(root).args(["metadata", "--format-version=1", "--filter-platform", TARGET]);
    let metadata: Metadata = serde_json::from_str(&command::read(&mut cargo)?)
        .context("failed to understand `cargo metadata`")?;
    let foreign = metadata.packages.into_iter().filter(|package| package.source.is_some());
    Ok(foreign
        .filter_map(|package| Some(package.manifest_path.parent()?.parent()?.to_owned()))
        .collect())
}

fn with_first_on_path(program: &Path) -> Result<OsString> {
    let first = program.parent().map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(first.into_iter().chain(env::split_paths(&path)))
        .with_context(|| format!("failed to put {} on PATH", program.display()))
}

/// A target directory of its own, so that flags of the two sides do not undo each other's work.
fn target_dir(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root.join(target).join("bpf")
}

fn visible(cargo: &mut Command) -> Result<()> {
    let failed = || format!("failed to run `{}`", command::shown(cargo));
    let failed_text = failed();
    let status = cargo.status().with_context(|| failed_text.clone())?;
    if !status.success() {
        bail!("{failed_text} ({status})");
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}: {REMEDY}", path.display()))
}
