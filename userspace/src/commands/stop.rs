//! Ctrl-C and SIGTERM: the first asks for the summary, the second ends at once.
//!
//! Signals are heard on a thread of their own, because the pipeline may sit in a write to a
//! reader that does not read.

use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::Exit;

/// Begins to listen. The future resolves with the first signal.
pub(super) fn watch() -> io::Result<impl Future<Output = ()>> {
    let (tell, told) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let listening = Builder::new_current_thread().enable_io().build().and_then(|runtime| {
            let _inside = runtime.enter();
            let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok((runtime, signals))
        });
        // Whoever asked waits for the answer, and for the signal until the end.
        let _ = match listening {
            Err(error) => ready.send(Err(error)),
            Ok((runtime, signals)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(listen(signals, tell));
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

async fn listen((mut interrupt, mut terminate): (Signal, Signal), tell: oneshot::Sender<()>) {
    either(&mut interrupt, &mut terminate).await;
    // The pipeline may have ended by itself.
    let _ = tell.send(());
    either(&mut interrupt, &mut terminate).await;
    std::process::exit(Exit::Failed.code().into());
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
