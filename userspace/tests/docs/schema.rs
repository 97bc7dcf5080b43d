//! `docs/schema.json`: every line of `--json`, as JSON Schema (draft 2020-12).
//!
//! Fields and ids are only ever added, so a reader must take what it does not know for something
//! newer: nothing here forbids further properties.

use ebpf_probes::{Counter, Evidence, Function, Stage};
use serde_json::{Map, Value, json};
use syndrop::catalogue::{self, Entry, Outcome};
use syndrop::decode::Family;

const OUTCOMES: [Outcome; 4] =
    [Outcome::Silent, Outcome::Reset, Outcome::SynAckAgain, Outcome::ChallengeAck];

/// The schema of one line.
pub(crate) fn schema() -> Value {
    let one_of = ["header", "drop", "notice", "lost", "interval", "summary"].map(reference);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of `syndrop --json`",
        "description": "Schema 1. Fields, ids and kinds of lines are only ever added. What is \
                        unknown is null. The enums are those of this version.",
        "oneOf": one_of,
        "$defs": {
            "header": header(),
            "drop": event("drop", "A dropped packet.", &ids(|entry| !entry.reason.is_notice())),
            "notice": notice(),
            "lost": lost(),
            "interval": interval(),
            "summary": summary("summary", "The last line."),
            "end": object("One end of a connection.", &json!({
                "addr": {"type": "string"},
                "port": number("integer", 0, Some(65_535)),
            })),
            "listener": listener(),
            "drops": counts(&ids(|entry| !entry.reason.is_notice())),
            "notices": counts(&ids(|entry| entry.reason.is_notice())),
            "time": {
                "type": "string",
                "format": "date-time",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z$",
                "description": "RFC 3339, UTC, to the nanosecond.",
            },
        },
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn ids(of: impl Fn(&Entry) -> bool) -> Vec<&'static str> {
    catalogue::all().filter(|entry| of(entry)).map(|entry| entry.slug).collect()
}

/// An object all of whose properties are there.
fn object(description: &str, properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "properties": properties,
    })
}

fn number(kind: &str, minimum: u64, maximum: Option<u64>) -> Value {
    match maximum {
        Some(maximum) => json!({"type": kind, "minimum": minimum, "maximum": maximum}),
        None => json!({"type": kind, "minimum": minimum}),
    }
}

fn count() -> Value {
    number("integer", 0, None)
}

fn described(mut value: Value, description: &str) -> Value {
    value["description"] = description.into();
    value
}

/// A number or null.
fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn maybe_reference(name: &str) -> Value {
    json!({"oneOf": [reference(name), {"type": "null"}]})
}

fn counts(ids: &[&str]) -> Value {
    json!({
        "type": "object",
        "description": "How many of each.",
        "propertyNames": {"enum": ids},
        "additionalProperties": count(),
    })
}

fn header() -> Value {
    let probe = object(
        "A probe and whether it is attached.",
        &json!({
            "name": {"type": "string"},
            "target": {"type": "string"},
            "attached": {"type": "boolean"},
        }),
    );
    let reasons = json!({"type": "array", "items": {"enum": ids(|_| true)}});
    object(
        "The first line.",
        &json!({
            "type": {"const": "header"},
            "schema": {"const": 1},
            "syndrop": maybe("string"),
            "kernel": maybe("string"),
            "host": maybe("string"),
            "attach": maybe("string"),
            "time": maybe_reference("time"),
            "probes": {"type": "array", "items": probe},
            "unobservable": reasons,
            "inferred": reasons,
        }),
    )
}

fn event(kind: &str, description: &str, ids: &[&str]) -> Value {
    let stages: Vec<_> = Stage::ALL.iter().map(|&stage| catalogue::stage(stage)).collect();
    let evidence: Vec<_> = Evidence::ALL.iter().map(|&it| catalogue::evidence(it)).collect();
    let outcomes = OUTCOMES.map(|outcome| Value::from(catalogue::outcome(outcome)));
    let outcomes: Vec<_> = outcomes.into_iter().chain([Value::Null]).collect();
    let families = [Family::V4, Family::V6].map(|family| Value::from(catalogue::family(family)));
    let families: Vec<_> = families.into_iter().chain([Value::Null]).collect();
    let functions: Vec<_> = Function::ALL.iter().map(|function| function.name()).collect();
    object(
        description,
        &json!({
            "type": {"const": kind},
            "time": reference("time"),
            "boot_ns": count(),
            "reason": {"enum": ids},
            "stage": {"enum": stages},
            "evidence": {"enum": evidence},
            "outcome": {"enum": outcomes, "description": "What the client saw; null if it depends."},
            "family": {"enum": families},
            "local": maybe_reference("end"),
            "peer": maybe_reference("end"),
            "accept_queue": object("Refused where len is more than limit.", &json!({
                "len": maybe("integer"),
                "limit": maybe("integer"),
            })),
            "syn_queue": object("Half-open requests.", &json!({
                "len": maybe("integer"),
                "young": maybe("integer"),
                "limit": maybe("integer"),
            })),
            "sysctl": object("The settings of the listener's namespace.", &json!({
                "syncookies": maybe("integer"),
                "max_syn_backlog": maybe("integer"),
                "somaxconn": maybe("integer"),
                "abort_on_overflow": maybe("integer"),
            })),
            "listener": reference("listener"),
            "function": {"enum": functions},
            "cpu": count(),
            "attempt": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "How often packets of this connection were dropped, this one included.",
            },
        }),
    )
}

fn notice() -> Value {
    let description = "An event that is no drop; never counted as one.";
    let notice = event("notice", description, &ids(|entry| entry.reason.is_notice()));
    let refused = json!({
        "after_s": {
            "type": "number",
            "minimum": 0,
            "description": "client-recovered, client-gone: for how long it had been refused.",
        },
        "attempts": {
            "type": "integer",
            "minimum": 1,
            "description": "client-recovered, client-gone: how often it was refused.",
        },
    });
    with_optional(notice, refused)
}

fn listener() -> Value {
    object(
        "The listening socket and who holds it.",
        &json!({
            "netns": maybe("integer"),
            "inode": maybe("integer"),
            "cookie": {"type": ["string", "null"], "pattern": "^[0-9]+$"},
            "bound": maybe_reference("end"),
            "pid": maybe("integer"),
            "comm": maybe("string"),
            "cgroup": maybe("string"),
            "container": maybe("string"),
        }),
    )
}

fn lost() -> Value {
    object(
        "Events that are missing at this place; the totals have them.",
        &json!({
            "type": {"const": "lost"},
            "events": count(),
            "since": reference("time"),
        }),
    )
}

/// An object with properties that are there only where there is something to say.
fn with_optional(mut object: Value, properties: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (object["properties"].as_object_mut(), properties) {
        all.extend(more);
    }
    object
}

fn interval() -> Value {
    let description = "What the summary would be if it ended here; since the start, not since the \
                       last of these.";
    let mut interval = summary("interval", description);
    interval["properties"]["time"] = reference("time");
    if let Some(required) = interval["required"].as_array_mut() {
        required.push("time".into());
    }
    interval
}

fn accept_latency() -> Value {
    let seconds = || number("number", 0, None);
    let waited = object(
        "How long connections of one listener waited for accept(), in seconds.",
        &json!({
            "local": maybe_reference("end"),
            "listener": reference("listener"),
            "accepted": count(),
            "p50_s": seconds(),
            "p90_s": seconds(),
            "p99_s": seconds(),
            "max_s": seconds(),
        }),
    );
    object(
        "What --latency adds, the slowest listener first; quantiles are at most an eighth too long.",
        &json!({
            "listeners": {"type": "array", "items": waited},
            "untimed": count(),
        }),
    )
}

fn probe_cost() -> Value {
    let program = object(
        "One program of the BPF object.",
        &json!({
            "program": {"type": "string"},
            "runs": count(),
            "run_s": number("number", 0, None),
        }),
    );
    object(
        "What --stats adds: how long the probes ran, by the kernel's own measure, on all CPUs \
         together.",
        &json!({
            "runs": count(),
            "run_s": number("number", 0, None),
            "cpu_share": described(
                number("number", 0, None),
                "run_s by duration_s: 1 is all of the time of one CPU.",
            ),
            "programs": {"type": "array", "items": program},
        }),
    )
}

fn summary(kind: &str, description: &str) -> Value {
    let by_listener = object(
        "The drops of one listener.",
        &json!({
            "local": maybe_reference("end"),
            "listener": reference("listener"),
            "drops": reference("drops"),
        }),
    );
    let by_listener = with_optional(
        by_listener,
        json!({
            "asked": {
                "type": "integer",
                "description": "What was given to listen(); only where the call was seen.",
            },
            "clipped": {
                "type": "boolean",
                "description": "Whether somaxconn clipped that; only where the call was seen.",
            },
        }),
    );
    let by_listener = with_optional(
        by_listener,
        json!({
            "sampled_out": {
                "type": "integer",
                "minimum": 1,
                "description": "How many of them have no line of their own, for want of detail.",
            },
            "others": {
                "const": true,
                "description": "These are all listeners of the namespace that the table of \
                                totals has no room for; totals by reason are exact all the same.",
            },
        }),
    );
    let names: Vec<_> = Counter::OF_DROPS.iter().map(|counter| counter.name()).collect();
    let counter = object(
        "The kernel's count, and how much of it named drops explain.",
        &json!({
            "netns": count(),
            "name": {"enum": names},
            "kernel": {"type": ["integer", "null"], "minimum": 0},
            "explained": count(),
        }),
    );
    let counter = with_optional(
        counter,
        json!({
            "in_flight": {
                "type": "integer",
                "minimum": 1,
                "description": "How much came while both were read: as much may stand on one \
                                side only.",
            },
        }),
    );
    let summary = object(
        description,
        &json!({
            "type": {"const": kind},
            "duration_s": number("number", 0, None),
            "drops": reference("drops"),
            "clients": count(),
            "clients_exact": {"type": "boolean"},
            "connections": count(),
            "connections_exact": {"type": "boolean"},
            "notices": reference("notices"),
            "by_listener": {"type": "array", "items": by_listener},
            "counters": {"type": "array", "items": counter},
            "lost_events": count(),
            "sampled_out": described(count(), "Events that --detail held back; they are counted."),
            "missed_probes": described(
                count(),
                "Runs of a probe that the kernel left out; each cost one event at most.",
            ),
            "uncounted_drops": count(),
            "forgotten_clients": count(),
            "unfollowed_clients": count(),
        }),
    );
    let more = json!({"accept_latency": accept_latency(), "probe_cost": probe_cost()});
    with_optional(summary, more)
}
