//! Two CPUs at one handshake: two equal packets at once, or a packet and the end of its listener.
//! Which of the two is refused is no matter of luck: see `hold.rs`.

use anyhow::{Context, Result, ensure};

use super::Provoked;
use super::cookie::cookies;
use crate::flow::{Family, Flow};
use crate::hold::Hold;
use crate::rig::{Refused, Rig};

const HELLO: &[u8] = b"hello";
/// Where a request is allocated for a SYN.
const ALLOCATE: &str = "inet_reqsk_alloc";
/// Where it is put into the SYN queue.
const HASH: &str = "inet_csk_reqsk_queue_hash_add";
/// Where a connection shares the port of its listener.
const INHERIT: &str = "__inet_inherit_port";
/// Where a connection takes the place of its request.
const ESTABLISH: &str = "inet_ehash_nolisten";
/// Where it is to go into the accept queue.
const HASHDANCE: &str = "inet_csk_complete_hashdance";
/// The same for cookies and Fast Open.
const QUEUE: &str = "inet_csk_reqsk_queue_add";
/// Where a client is reset.
const RESET_V4: &str = "tcp_v4_send_reset";
const RESET_V6: &str = "tcp_v6_send_reset";

/// The same SYN twice at once; the second one is queued and answered.
pub(crate) fn same_syn_twice(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut hand = rig.peer.second_hand()?;
    let hold = Hold::at(HASH)?;
    let mut refused = Vec::with_capacity(count);
    for syn_queue in 1..=u32::try_from(count)? {
        let flow = rig.newcomer();
        hold.meanwhile(|| rig.peer.syn(&flow), || hand.syn(&flow))?;
        let answers = rig.peer.answers(&flow)?;
        let once = matches!(answers.as_slice(), [answer] if answer.is_synack());
        ensure!(once, "{flow:?} should have got one SYN-ACK: {answers:?}");
        refused.push(Refused { flow, syn_queue });
    }
    Ok(refused.into())
}

/// The listener is closed just when a SYN is to get a request of it.
pub(crate) fn syn_and_close(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let flow = rig.newcomer();
    Hold::at(ALLOCATE)?.meanwhile(|| rig.peer.syn(&flow), || rig.listener.close())?;
    let refused = vec![Refused { flow, syn_queue: 0 }];
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// The listener stops just when the connection of a Fast Open SYN is to be queued.
pub(crate) fn tfo_syn_and_stop(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let flow = rig.newcomer();
    Hold::at(QUEUE)?.meanwhile(|| rig.peer.syn_and_data(&flow, HELLO), || rig.listener.stop())?;
    ensure_reset(rig, &flow)?;
    Ok(vec![Refused { flow, syn_queue: 0 }].into())
}

/// The same last ACK twice at once; the second one makes the connection.
pub(crate) fn same_ack_twice(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut hand = rig.peer.second_hand()?;
    let hold = Hold::at(ESTABLISH)?;
    let mut lost = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        let synack = rig.peer.open(&flow)?;
        hold.meanwhile(|| rig.peer.ack(&flow, synack), || hand.ack(&flow, synack))?;
        accept_silently(rig, &flow)?;
        lost.push(Refused { flow, syn_queue: 0 });
    }
    Ok(lost.into())
}

/// The same last ACK twice at once, where the accept queue is full and both are to be reset: the
/// second one ends the request, so that the first one is given to the listener after that.
pub(crate) fn same_ack_reset_twice(rig: &mut Rig, count: usize) -> Result<Provoked> {
    ensure!(count == 2, "it takes two ACKs");
    let mut hand = rig.peer.second_hand()?;
    let (flow, synack) = rig.open(1)?.remove(0);
    rig.fill_accept_queue()?;
    let hold = Hold::at(if rig.family == Family::V6 { RESET_V6 } else { RESET_V4 })?;
    hold.meanwhile(|| rig.peer.ack(&flow, synack), || hand.ack(&flow, synack))?;
    ensure_reset(rig, &flow)?;
    let refused = vec![Refused { flow, syn_queue: 1 }, Refused { flow, syn_queue: 1 }];
    Ok(Provoked { refused, besides: vec![("EmbryonicRsts", 1)] })
}

/// The same with a cookie.
pub(crate) fn same_cookie_twice(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let provoked = same_ack_twice(rig, count)?;
    let count = u64::try_from(count)?;
    Ok(Provoked { besides: cookies(count, count), ..provoked })
}

fn accept_silently(rig: &mut Rig, flow: &Flow) -> Result<()> {
    let answers = rig.peer.answers(flow)?;
    ensure!(answers.iter().all(|it| !it.rst), "{flow:?} should not have been reset: {answers:?}");
    let (_, client) = rig.listener.accept().context("one of the two should have got through")?;
    ensure!(client == flow.client, "{client} was accepted instead of {}", flow.client);
    // What the server says at its end is not of interest.
    rig.peer.answers(flow).map(drop)
}

/// The listener stops just when a finished connection is to be queued.
pub(crate) fn ack_and_stop(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let hold = Hold::at(HASHDANCE)?;
    let flow = rig.newcomer();
    let synack = rig.peer.open(&flow)?;
    hold.meanwhile(|| rig.peer.ack(&flow, synack), || rig.listener.stop())?;
    ensure_reset(rig, &flow)?;
    Ok(vec![Refused { flow, syn_queue: 0 }].into())
}

/// The same with a cookie.
pub(crate) fn cookie_and_stop(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let hold = Hold::at(QUEUE)?;
    let flow = rig.newcomer();
    let synack = rig.peer.open(&flow)?;
    hold.meanwhile(|| rig.peer.ack(&flow, synack), || rig.listener.stop())?;
    // Over IPv4 the kernel has not yet said to whom the connection's packets go.
    if rig.family == Family::V6 {
        ensure_reset(rig, &flow)?;
    } else {
        let answers = rig.peer.answers(&flow)?;
        ensure!(answers.is_empty(), "{flow:?} should not have been answered: {answers:?}");
    }
    Ok(Provoked { refused: vec![Refused { flow, syn_queue: 0 }], besides: cookies(1, 0) })
}

/// The listener is closed, and gives up its port, just when a connection is to share it.
pub(crate) fn ack_and_close(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let hold = Hold::at(INHERIT)?;
    let flow = rig.newcomer();
    let synack = rig.peer.open(&flow)?;
    hold.meanwhile(|| rig.peer.ack(&flow, synack), || rig.listener.close())?;
    ensure_reset(rig, &flow)?;
    Ok(vec![Refused { flow, syn_queue: 1 }].into())
}

fn ensure_reset(rig: &mut Rig, flow: &Flow) -> Result<()> {
    let answers = rig.peer.answers(flow)?;
    ensure!(answers.iter().any(|it| it.rst), "{flow:?} should have been reset: {answers:?}");
    Ok(())
}
