//! What the incident cost: how long those who were refused were kept waiting.

use maud::{Markup, html};

use super::Page;
use super::words::{counted, digits, seconds, share};
use crate::report::{Client, DELAYS_S};

/// Clients that are named; the others are counted.
const NAMED: usize = 20;

impl Page<'_> {
    pub(super) fn clients(&self) -> Markup {
        let clients = self.report.clients.longest_first();
        if clients.is_empty() {
            return html! {};
        }
        let endings = self.has_endings();
        html! {
            section id="clients" {
                h2 { "Clients and how long they waited" }
                @if endings {
                    (self.delays())
                } @else {
                    p.note {
                        "Whether and when the refused got in was not recorded. Record it with "
                        code { "--notices client-recovered,client-gone" } ". Until then the time "
                        "between the first and the last refusal of a connection is a lower bound."
                    }
                }
                div.scroll {
                    table.cards {
                        thead { tr {
                            th { "client" }
                            th.num { "connections" }
                            th.num { "packets refused" }
                            th.num { "most tries" }
                            @if endings {
                                th.num { "got in late" }
                                th.num { "longest delay" }
                                th.num { "never got in" }
                            } @else {
                                th.num { "refused for at least" }
                            }
                        } }
                        tbody {
                            @for (address, client) in clients.iter().take(NAMED) {
                                tr {
                                    td.name { b { (address) } }
                                    (client_cells(client, endings))
                                }
                            }
                        }
                    }
                }
                @if let Some(more @ 1..) = clients.len().checked_sub(NAMED) {
                    p.note { (counted(more as u64, "more client")) " waited no longer than these." }
                }
                @if self.report.clients.left_out {
                    p.note {
                        "There were more clients, or packets without a readable address, than are "
                        "told apart here."
                    }
                }
            }
        }
    }

    /// How many waited how long: bars of text's own size.
    fn delays(&self) -> Markup {
        let delays = &self.report.clients.delays;
        let gone = self.report.clients.gone;
        let all = delays.count() + gone;
        let most = delays.classes.iter().copied().chain([gone]).max().unwrap_or(0).max(1);
        let names = (0..delays.classes.len()).map(|nth| match DELAYS_S.get(nth) {
            Some(bound) if nth == 0 => format!("up to {bound}\u{202f}s"),
            Some(bound) => format!("{} to {bound}\u{202f}s", DELAYS_S[nth - 1]),
            None => format!("more than {}\u{202f}s", DELAYS_S[nth - 1]),
        });
        let rows = names.zip(delays.classes).chain([("never got in".to_owned(), gone)]);
        html! {
            p.note {
                (counted(all, "connection")) " that had been refused came to an end: "
                (digits(delays.count())) " got in later, after up to " (seconds(delays.longest))
                ", and " (digits(gone)) " never did."
            }
            table.bars {
                tbody {
                    @for (name, count) in rows {
                        tr {
                            th scope="row" { (name) }
                            td { span.hbar style={ "width:" (count * 100 / most) "%" } {} }
                            td.num { (digits(count)) " " span.soft { (share(count, all)) } }
                        }
                    }
                }
            }
        }
    }
}

fn client_cells(client: &Client, endings: bool) -> Markup {
    let late = client.delays.count();
    html! {
        td.num data-label="connections" { (digits(client.connections)) }
        td.num data-label="packets refused" { (digits(client.refused)) }
        td.num data-label="most tries" {
            @if client.attempts > 0 { (client.attempts) } @else { "?" }
        }
        @if endings {
            td.num data-label="got in late" { (digits(late)) }
            td.num data-label="longest delay" {
                @if late > 0 { (seconds(client.delays.longest)) } @else { "–" }
            }
            td.num data-label="never got in" { (digits(client.gone)) }
        } @else {
            td.num data-label="refused for at least" {
                @if client.refused_for.is_zero() { "–" } @else { (seconds(client.refused_for)) }
            }
        }
    }
}
