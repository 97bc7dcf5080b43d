//! Whatever somebody called a process, a cgroup or a host, no format lets it out raw.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::foreign::prints_as_itself;
use super::sample::{opening, summary};
use super::{Github, Json, Junit, Markdown, Render, Text};
use crate::decode::sample::syn_drop;
use crate::gate::Gate;
use crate::incident::{Incident, Owner};

/// Makes a format.
type Make = fn(Gate) -> Box<dyn Render>;

/// Strings that somebody might choose who means harm, and any others.
fn foreign() -> impl Strategy<Value = String> {
    let nasty =
        "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\u{2028}\u{200b}\"'\\\\<>&%|`:a-z]{0,24}";
    prop_oneof![nasty, any::<String>()]
}

/// All that a format writes where everything has such a name.
fn written(render: &mut dyn Render, name: &str) -> String {
    let owner = Owner {
        pid: Some(1),
        comm: Some(name.to_owned()),
        cgroup: Some(name.to_owned()),
        container: Some(name.to_owned()),
    };
    let mut summary = summary();
    for listener in &mut summary.totals.by_listener {
        listener.owner = owner.clone();
    }
    let mut opening = opening();
    opening.host = Some(name.to_owned());
    opening.kernel = Some(name.to_owned());
    let incident = Incident { time: Timestamp::UNIX_EPOCH, drop: syn_drop(), owner: owner.into() };
    let mut out = Vec::new();
    render.opening(&mut out, &opening).unwrap();
    render.incident(&mut out, &incident).unwrap();
    render.interval(&mut out, Timestamp::UNIX_EPOCH, &summary).unwrap();
    render.summary(&mut out, &summary).unwrap();
    String::from_utf8(out).unwrap()
}

/// How many lines it has with a harmless name.
fn lines(render: &mut dyn Render) -> usize {
    written(render, "nginx").lines().count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_name_steers_a_terminal_or_adds_a_line(name in foreign()) {
        let gate = Gate::default;
        let formats: [(&str, Make); 5] = [
            ("text", |_| Box::new(Text::new(TimeZone::UTC, false))),
            ("json", |_| Box::new(Json::default())),
            ("github", |gate| Box::new(Github::new(gate))),
            ("junit", |gate| Box::new(Junit::new(gate))),
            ("markdown", |gate| Box::new(Markdown::new(gate))),
        ];
        for (format, render) in formats {
            let text = written(&mut *render(gate()), &name);
            let raw = text.chars().find(|&c| c != '\n' && !prints_as_itself(c));
            prop_assert_eq!(raw, None, "{}: {}", format, text);
            prop_assert_eq!(text.lines().count(), lines(&mut *render(gate())), "{}: {}", format, text);
        }
    }

    #[test]
    fn json_gives_every_name_back(name in foreign()) {
        for line in written(&mut Json::default(), &name).lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            if value["type"] == "drop" {
                prop_assert_eq!(value["listener"]["comm"].as_str(), Some(&*name));
            }
        }
    }
}
