//! The file systems of a guest, as a person or a test finds them on a normal machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

/// Type, target, options, and whether a kernel may be without it.
const MOUNTS: &[(&str, &str, &str, Need)] = &[
    ("devtmpfs", "/dev", "mode=0755", Need::Always),
    ("devpts", "/dev/pts", "mode=0620,ptmxmode=0666", Need::Always),
    ("tmpfs", "/dev/shm", "mode=1777", Need::Always),
    ("proc", "/proc", "", Need::Always),
    ("sysfs", "/sys", "", Need::Always),
    ("tmpfs", "/run", "mode=0755", Need::Always),
    ("tmpfs", "/tmp", "mode=1777", Need::Always),
    ("cgroup2", "/sys/fs/cgroup", "", Need::Always),
    ("bpf", "/sys/fs/bpf", "mode=0700", Need::IfThere),
    ("securityfs", "/sys/kernel/security", "", Need::IfThere),
    ("debugfs", "/sys/kernel/debug", "", Need::IfThere),
    ("tracefs", "/sys/kernel/tracing", "", Need::IfThere),
];

/// What udev would link, and programs take for granted.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    /// Its type or its mount point depends on the kernel's configuration.
    IfThere,
}

/// Mounts all of them, in an order in which each target exists.
pub(crate) fn mount_all() -> Result<()> {
    for &(kind, target, options, need) in MOUNTS {
        let made = make_target(target);
        let mounted = made.and_then(|()| {
            let options = std::ffi::CString::new(options)?;
            let flags = MountFlags::NOSUID;
            mount(kind, target, kind, flags, options.as_c_str())
                .with_context(|| format!("failed to mount {kind} on {target}"))
        });
        match mounted {
            Err(error) if need == Need::Always && !is_mounted(&error) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    for (original, link) in DEVICE_LINKS {
        symlink(original, link).with_context(|| format!("failed to link {link}"))?;
    }
    // A bare initramfs root is open to root only; servers drop their rights and still look in.
    fs::set_permissions("/", Permissions::from_mode(0o755)).context("failed to open up /")
}

fn make_target(target: &str) -> Result<()> {
    // Only mount points on real file systems can be made; those of sysfs come with the kernel.
    if target.starts_with("/sys/") {
        return Ok(());
    }
    fs::create_dir_all(target).with_context(|| format!("failed to create {target}"))
}

/// Some kernels mount devtmpfs before PID 1 starts.
fn is_mounted(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Errno>() == Some(&Errno::BUSY)
}
