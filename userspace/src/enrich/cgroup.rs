//! What the cgroup of a process says of it: its systemd unit, its container, its pod.
//!
//! Container engines name cgroups by the ids of their containers, each in its own way and as
//! systemd or the plain file system wants it; an id is 64 hexadecimal digits to all of them.

/// What a `/proc/PID/cgroup` says. What it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// The path in the unified hierarchy, or else in that of systemd.
    pub path: Option<String>,
    /// The innermost systemd unit.
    pub unit: Option<String>,
    /// The id of the innermost container.
    pub container: Option<String>,
    /// The uid of the Kubernetes pod.
    pub pod: Option<String>,
}

/// Endings of the units that hold processes.
const UNITS: &[&str] = &[".service", ".scope", ".socket", ".mount", ".swap"];

/// What Podman and CRI-O call the cgroup of the monitor beside a container.
const MONITOR: &str = "conmon";

const ID_DIGITS: usize = 64;

impl Membership {
    /// Reads the lines `hierarchy:controllers:path`.
    pub fn parse(lines: &[u8]) -> Self {
        let lines = String::from_utf8_lossy(lines);
        let rows = || lines.lines().filter_map(Row::parse);
        let named = |controllers: &str| rows().find(|row| row.controllers == controllers);
        let unified = rows().find(|row| row.hierarchy == "0");
        let systemd = named("name=systemd");
        // Version 1 engines that do not ask systemd are in the hierarchies of controllers only.
        let told = || unified.iter().chain(&systemd).copied().chain(rows());
        let own = unified.or(systemd);
        Self {
            path: own.map(|row| row.path.to_owned()),
            unit: own.and_then(|row| unit(row.path)),
            container: told().find_map(|row| container(row.path)),
            pod: told().find_map(|row| pod(row.path)),
        }
    }
}

#[derive(Clone, Copy)]
struct Row<'a> {
    hierarchy: &'a str,
    controllers: &'a str,
    path: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (hierarchy, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        Some(Self { hierarchy, controllers, path })
    }
}

/// The components of a path, innermost first. Where an engine hands a path for systemd to a
/// runtime that does not use it, one component holds several, divided by colons.
fn components(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit(['/', ':']).filter(|component| !component.is_empty())
}

fn unit(path: &str) -> Option<String> {
    let mut all = path.rsplit('/');
    all.find(|it| UNITS.iter().any(|ending| it.ends_with(ending))).map(str::to_owned)
}

fn container(path: &str) -> Option<String> {
    components(path).find_map(|component| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let (engine, id) = name.rsplit_once('-').unwrap_or(("", name));
        (is_id(id) && !engine.ends_with(MONITOR)).then(|| id.to_owned())
    })
}

/// `podUID`, or `kubepods-CLASS-podUID.slice` with underscores for systemd.
fn pod(path: &str) -> Option<String> {
    components(path).find_map(|component| {
        let name = match component.strip_suffix(".slice") {
            Some(slice) => slice.rsplit_once('-').filter(|_| slice.starts_with("kubepods"))?.1,
            None => component,
        };
        let uid = name.strip_prefix("pod")?.replace('_', "-");
        is_uid(&uid).then_some(uid)
    })
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(is_digit)
}

/// A UUID; of pods that come from a file, a hash without dashes.
fn is_uid(text: &str) -> bool {
    let digits = text.bytes().filter(|&byte| is_digit(byte)).count();
    let dashes = text.bytes().filter(|&byte| byte == b'-').count();
    digits == 32 && matches!(dashes, 0 | 4) && digits + dashes == text.len()
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Membership;

    const UID: &str = "8d2c1a3e-4b5f-4c6d-9e7f-0123456789ab";
    const HASH: &str = "5d3ec1a7b2f94c6d8e7f0123456789ab";

    fn of(lines: &str) -> Membership {
        Membership::parse(lines.as_bytes())
    }

    fn id() -> String {
        "4f3e".repeat(16)
    }

    /// Container, pod and unit of a path in the unified hierarchy; ID, UID and U_D stand for ids.
    fn told(path: &str) -> (bool, Option<String>, Option<String>) {
        let path = path.replace("ID", &id()).replace("UUUU", UID);
        let path = path.replace("U_U_", &UID.replace('-', "_"));
        let found = of(&format!("0::{path}\n"));
        assert!(found.container.is_none() || found.container == Some(id()), "{found:?}");
        assert_eq!(found.path, Some(path));
        (found.container.is_some(), found.pod, found.unit.map(|unit| unit.replace(&id(), "ID")))
    }

    #[test]
    fn the_unified_hierarchy_comes_first() {
        let path = |lines: &str| of(lines).path;
        assert_eq!(path("0::/\n").as_deref(), Some("/"));
        assert_eq!(path("1:name=systemd:/a\n0::/b/0::c\n").as_deref(), Some("/b/0::c"));
        assert_eq!(path("4:memory:/m\n1:name=systemd:/a\n").as_deref(), Some("/a"));
        assert_eq!(path("4:memory:/m\n"), None);
    }

    #[test]
    fn containers_are_known_by_every_engine_s_way() {
        let rows = [
            ("/docker/ID", None),
            ("/docker/ID/init.scope", Some("init.scope")),
            ("/system.slice/docker-ID.scope", Some("docker-ID.scope")),
            ("/system.slice/nerdctl-ID.scope", Some("nerdctl-ID.scope")),
            ("/default/ID", None),
            ("/machine.slice/libpod-ID.scope/container", Some("libpod-ID.scope")),
            ("/libpod_parent/libpod-ID", None),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                Some("libpod-ID.scope"),
            ),
            ("/docker/0/kubelet/x/cri-containerd-ID.scope", Some("cri-containerd-ID.scope")),
        ];
        for (path, unit) in rows {
            assert_eq!(told(path), (true, None, unit.map(str::to_owned)), "{path}");
        }
    }

    #[test]
    fn pods_are_known_by_systemd_s_way_and_the_plain_one() {
        let rows = [
            ("/kubepods/besteffort/podUUUU/ID", None),
            ("/kubepods/podUUUU/crio-ID", None),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_U_.slice/\
                 cri-containerd-ID.scope",
                Some("cri-containerd-ID.scope"),
            ),
            ("/kubepods.slice/kubepods-podU_U_.slice/crio-ID.scope", Some("crio-ID.scope")),
            (
                "/system.slice/containerd.service/kubepods-burstable-podU_U_.slice:cri-containerd:ID",
                Some("containerd.service"),
            ),
        ];
        for (path, unit) in rows {
            let expected = (true, Some(UID.to_owned()), unit.map(str::to_owned));
            assert_eq!(told(path), expected, "{path}");
        }
        let file = told(&format!("/kubepods/burstable/pod{HASH}/ID"));
        assert_eq!(file, (true, Some(HASH.to_owned()), None));
    }

    #[test]
    fn what_runs_beside_a_container_is_not_in_it() {
        for path in [
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/system.slice/ID.service",
            "/system.slice/docker.service",
            "/docker/4f3e",
            "/user.slice/user-1000.slice/session-3.scope",
            "/",
        ] {
            assert!(!told(path).0, "{path}");
            assert_eq!(told(path).1, None, "{path}");
        }
    }

    #[test]
    fn units_are_the_innermost() {
        let unit = |path: &str| told(path).2;
        assert_eq!(unit("/system.slice/nginx.service").as_deref(), Some("nginx.service"));
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service";
        assert_eq!(unit(user).as_deref(), Some("dev.service"));
        assert_eq!(unit("/system.slice/ssh.service/sub").as_deref(), Some("ssh.service"));
        assert_eq!(unit("/init.scope").as_deref(), Some("init.scope"));
        assert_eq!(unit("/system.slice"), None);
    }

    #[test]
    fn version_1_tells_in_any_hierarchy() {
        let lines = format!("5:memory:/docker/{0}\n1:name=systemd:/docker/{0}\n0::/\n", id());
        assert_eq!(of(&lines).container, Some(id()));
        let lines =
            format!("9:cpu,cpuacct:/kubepods/pod{UID}/{}\n1:name=systemd:/x.service\n", id());
        let found = of(&lines);
        assert_eq!((found.container, found.pod.as_deref()), (Some(id()), Some(UID)));
        assert_eq!(found.unit.as_deref(), Some("x.service"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(noise: Vec<u8>, path in "[a-z0-9:/._\\-\n]{0,120}") {
            Membership::parse(&noise);
            Membership::parse(format!("0::/{path}").as_bytes());
            Membership::parse(format!("1:name=systemd:/kubepods-{path}.slice").as_bytes());
        }
    }
}
