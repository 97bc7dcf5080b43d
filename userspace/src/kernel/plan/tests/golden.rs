use std::path::{Path, PathBuf};
use std::{env, fs};

use super::super::Plan;
use crate::kernel::btf::KernelBtf;
use crate::kernel::hooks::Asked;
use crate::kernel::{Means, release};

fn golden(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/layout/{release}.txt"))
}

/// Where the tests run on one of the kernels whose layout was once checked by hand.
#[test]
fn this_kernel_is_laid_out_as_was_seen_before() {
    let Ok(expected) = fs::read_to_string(golden(&release())) else { return };
    assert_eq!(
        Plan::for_this_kernel(Asked::EVERYTHING, &Means::kprobes(&[])).unwrap().to_string(),
        expected
    );
}

/// Compares the layouts of all `RELEASE.btf` in a folder; a release without one gets it.
#[test]
#[ignore = "needs a folder with the kernels' BTF: set SYNDROP_BTF_DIR"]
fn known_kernels_are_laid_out_as_was_seen_before() {
    let folder = env::var_os("SYNDROP_BTF_DIR").expect("SYNDROP_BTF_DIR names the folder");
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "btf") {
            continue;
        }
        let release = path.file_stem().unwrap().to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let btf = KernelBtf::from_bytes(&bytes, release, &Plan::wanted()).unwrap();
        let found =
            Plan::resolve(&btf, Asked::EVERYTHING, &Means::kprobes(&[])).unwrap().to_string();
        match fs::read_to_string(golden(release)) {
            Ok(expected) => assert_eq!(found, expected, "{release}"),
            Err(_) => fs::write(golden(release), found).unwrap(),
        }
        compared += 1;
    }
    assert_ne!(compared, 0, "no RELEASE.btf in the folder");
}
