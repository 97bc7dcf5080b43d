//! Picks the BPF object that is built into the tool: the committed one, or another one that a
//! packager built from source and names in `SYNDROP_BPF_OBJ`.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-env-changed=SYNDROP_BPF_OBJ");
    let object = env::var_os("SYNDROP_BPF_OBJ").map_or_else(
        || {
            PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default())
                .join("bpf/syndrop.bpf.o")
        },
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rustc-env=SYNDROP_BPF_OBJECT={}", object.display());
}
