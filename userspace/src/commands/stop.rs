//! Ctrl-C and SIGTERM: the first asks for the summary, the second ends at once.
//!
//! Signals are heard on a thread of their own, because the pipeline may sit in a write to a
//! reader that does not read.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::Exit;

/// Those that end a command.
const USUAL: [SignalKind; 2] = [SignalKind::interrupt(), SignalKind::terminate()];

/// Those that end one that holds the terminal, and has to give it back; the usual ones first.
pub(super) const OF_A_TERMINAL: [SignalKind; 4] =
    [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];

/// Begins to listen. The future resolves with the first signal.
pub(super) fn watch() -> io::Result<impl Future<Output = ()>> {
    watch_for(&USUAL, || {})
}

/// The same for these signals; `at_last` is done before the second one ends the process.
pub(super) fn watch_for(
    kinds: &'static [SignalKind],
    at_last: fn(),
) -> io::Result<impl Future<Output = ()>> {
    let (tell, told) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let listening = Builder::new_current_thread().enable_io().build().and_then(|runtime| {
            let _inside = runtime.enter();
            let signals = kinds.iter().map(|&kind| signal(kind)).collect::<io::Result<Vec<_>>>()?;
            Ok((runtime, signals))
        });
        // Whoever asked waits for the answer, and for the signal until the end.
        let _ = match listening {
            Err(error) => ready.send(Err(error)),
            Ok((runtime, signals)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(listen(signals, tell, at_last));
                Ok(())
            }
        };
    })?;
    is_ready.recv().map_err(io::Error::other)??;
    Ok(async {
        if told.await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

async fn listen(mut signals: Vec<Signal>, tell: oneshot::Sender<()>, at_last: fn()) {
    any(&mut signals).await;
    // The pipeline may have ended by itself.
    let _ = tell.send(());
    // That a terminal goes away is no impatience of anybody's.
    any(&mut signals[..USUAL.len()]).await;
    at_last();
    std::process::exit(Exit::Failed.code().into());
}

async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        let heard = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if heard { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
