//! Metrics as Prometheus reads them: OpenMetrics, and the older text format made of it.

use std::fmt::{self, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::catalogue;
use crate::metrics::{Place, Queues, Scrape};

mod described;

pub use described::{Described, METRICS};

/// A format that a scraper can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// What there was before, which every reader takes.
    Text,
}

impl Exposition {
    /// What a reader wants, by its header `Accept`.
    pub fn accepted(accept: &str) -> Self {
        let wants = accept.split(',').any(|range| {
            let refused = range.replace(' ', "").contains(";q=0,") || range.ends_with("q=0");
            range.trim_start().starts_with("application/openmetrics-text") && !refused
        });
        if wants { Self::OpenMetrics } else { Self::Text }
    }

    /// The header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// Never, for all that is known: it writes to memory.
    pub fn write(self, scrape: Scrape) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Metrics(scrape)));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(match self {
            Self::OpenMetrics => text,
            Self::Text => older(&text),
        })
    }
}

/// The older format names what its lines are called, suffix and all, and knows fewer types.
fn older(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(_), words) => help = words,
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    kind => ("", kind),
                };
                let help = help.take().unwrap_or_default();
                // Nothing is ever wrong with writing to a string.
                let _ = writeln!(out, "# HELP {name}{suffix} {help}");
                let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
            }
            (Some("#"), ..) => {}
            _ => {
                out += line;
                out.push('\n');
            }
        }
    }
    out
}

/// What the encoder of the format is fed with.
#[derive(Debug)]
struct Metrics(Scrape);

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes the series of one metric.
struct Series<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Series<'_, '_> {
    /// Begins a metric.
    fn metric(&mut self, name: &'static str) -> Result<MetricEncoder<'_>, fmt::Error> {
        let metric = METRICS.iter().find(|metric| metric.name == name).ok_or(fmt::Error)?;
        let (kind, suffix) = match metric.kind {
            "counter" => (MetricType::Counter, "_total"),
            "info" => (MetricType::Info, "_info"),
            _ => (MetricType::Gauge, ""),
        };
        let base = name.strip_suffix(suffix).unwrap_or(name);
        self.0.encode_descriptor(base, metric.help, None, kind)
    }

    fn all<S: EncodeLabelSet, N: Copy>(
        &mut self,
        name: &'static str,
        series: impl Iterator<Item = (S, N)>,
        write: fn(&mut MetricEncoder<'_>, N) -> fmt::Result,
    ) -> fmt::Result {
        let mut encoder = self.metric(name)?;
        for (labels, number) in series {
            write(&mut encoder.encode_family(&labels)?, number)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &'static str, count: u64) -> fmt::Result {
        self.metric(name)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)
    }

    fn gauge(&mut self, name: &'static str, number: u64) -> fmt::Result {
        self.metric(name)?.encode_gauge(&i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn counters<S: EncodeLabelSet>(
        &mut self,
        name: &'static str,
        series: impl Iterator<Item = (S, u64)>,
    ) -> fmt::Result {
        self.all(name, series, |encoder, count| {
            encoder.encode_counter::<NoLabelSet, u64, f64>(&count, None)
        })
    }

    fn gauges<S: EncodeLabelSet>(
        &mut self,
        name: &'static str,
        series: impl Iterator<Item = (S, u64)>,
    ) -> fmt::Result {
        self.all(name, series, |encoder, number| {
            encoder.encode_gauge(&i64::try_from(number).unwrap_or(i64::MAX))
        })
    }

    fn infos<S: EncodeLabelSet>(
        &mut self,
        name: &'static str,
        series: impl Iterator<Item = S>,
    ) -> fmt::Result {
        let mut encoder = self.metric(name)?;
        for labels in series {
            encoder.encode_info(&labels)?;
        }
        Ok(())
    }
}

type Gauge = fn(&Queues) -> Option<u64>;

fn labels(place: &Place) -> Labels<'_> {
    vec![("listener", &place.listener), ("netns", &place.netns)]
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(scrape) = self;
        let mut series = Series(&mut encoder);
        for (name, counts) in
            [("syndrop_drops_total", &scrape.drops), ("syndrop_notices_total", &scrape.notices)]
        {
            let rows = counts.iter().map(|((place, reason), &count)| {
                let mut labels = labels(place);
                labels.push(("reason", catalogue::of(*reason).slug));
                (labels, count)
            });
            series.counters(name, rows)?;
        }
        let gauges: [(&'static str, Gauge); 4] = [
            ("syndrop_accept_queue_length", |queues| queues.accept.map(|(len, _)| len)),
            ("syndrop_accept_queue_limit", |queues| queues.accept.map(|(_, limit)| limit)),
            ("syndrop_syn_queue_length", |queues| queues.syn.map(|(len, _)| len)),
            ("syndrop_syn_queue_limit", |queues| queues.syn.map(|(_, limit)| limit)),
        ];
        for (name, gauge) in gauges {
            let known = |(place, queues)| Some((labels(place), gauge(queues)?));
            series.gauges(name, scrape.queues.iter().filter_map(known))?;
        }
        let netns: Vec<String> = scrape.unexplained.keys().map(|it| it.0.to_string()).collect();
        let rows = scrape.unexplained.iter().zip(&netns).map(|(((_, counter), &left), netns)| {
            (vec![("netns", netns.as_str()), ("counter", counter)], left)
        });
        series.counters("syndrop_unexplained_total", rows)?;
        series.counter("syndrop_lost_events_total", scrape.lost)?;
        series.counter("syndrop_uncounted_drops_total", scrape.uncounted)?;
        series.counter("syndrop_missed_probes_total", scrape.missed)?;
        series.gauge("syndrop_folded_listeners", scrape.folded)?;
        let rows = scrape
            .run_seconds
            .iter()
            .map(|(program, seconds)| (vec![("program", program.as_str())], *seconds));
        series.all("syndrop_bpf_run_seconds_total", rows, |encoder, seconds| {
            encoder.encode_counter::<NoLabelSet, f64, f64>(&seconds, None)
        })?;
        let rows = scrape.owners.iter().map(|owner| {
            let mut labels = labels(&owner.place);
            labels.extend([("comm", owner.comm.as_str()), ("cgroup", &owner.cgroup)]);
            labels.push(("container_id", &owner.container));
            labels
        });
        series.infos("syndrop_listener_info", rows)?;
        let version = ("version", env!("CARGO_PKG_VERSION"));
        let build = vec![version, ("object_sha256", scrape.object_sha256)];
        series.infos("syndrop_build_info", std::iter::once(build))
    }
}

#[cfg(test)]
mod tests;
