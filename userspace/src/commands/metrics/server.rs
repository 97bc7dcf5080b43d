//! A small HTTP server: a page of metrics for whoever asks, one at a time.
//!
//! Whoever is slow holds a place for some seconds and nothing else; places are few.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::metrics::Scrape;
use crate::render::Exposition;

/// A question for the metrics of this moment.
pub(super) type Ask = oneshot::Sender<Scrape>;

/// Connections at a time; others wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16;
/// For the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// For all of a connection.
const WHOLE_TIME: Duration = Duration::from_secs(30);
/// The head of a request is no longer.
const HEAD_MAX: usize = 16 << 10;
/// After the system had no descriptor left, or the like.
const BREATH: Duration = Duration::from_millis(100);

const INDEX: &str = "syndrop: /metrics for Prometheus, /healthz for whether it runs\n";

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address}; choose another address by --listen")]
pub(super) struct ServerError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound server.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |source| ServerError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where the metrics are.
    pub(super) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Serves until it is dropped.
    pub(super) async fn run(self, ask: mpsc::Sender<Ask>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let ask = ask.clone();
                    tokio::spawn(async move {
                        // A scraper that goes away or is too slow misses only its own page.
                        let _ = timeout(WHOLE_TIME, serve(stream, ask)).await;
                        drop(place);
                    });
                }
                Err(_) => sleep(BREATH).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, ask: mpsc::Sender<Ask>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let ask = ask.clone();
        async move { Ok::<_, Infallible>(answer(&request, &ask).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(request: &Request<Incoming>, ask: &mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => {
            let (tell, told) = oneshot::channel();
            if ask.try_send(tell).is_err() {
                return plain(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once\n");
            }
            let Ok(scrape) = told.await else {
                return plain(StatusCode::SERVICE_UNAVAILABLE, "syndrop is about to end\n");
            };
            let accept = request.headers().get_all(ACCEPT).iter();
            let accept: Vec<_> = accept.filter_map(|value| value.to_str().ok()).collect();
            let format = Exposition::accepted(&accept.join(","));
            match format.write(scrape) {
                Ok(text) => response(StatusCode::OK, format.content_type(), text),
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n"),
            }
        }
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/" => plain(StatusCode::OK, INDEX),
        _ => plain(StatusCode::NOT_FOUND, INDEX),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", text)
}

fn response(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests;
