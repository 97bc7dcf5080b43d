use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Ask, CONNECTIONS_MAX, HEAD_TIME, Server};
use crate::metrics::Scrape;

/// A server and somebody who answers for it; says how often it was asked.
async fn start() -> SocketAddr {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address;
    let (ask, mut asked) = mpsc::channel::<Ask>(1);
    tokio::spawn(server.run(ask));
    tokio::spawn(async move {
        while let Some(ask) = asked.recv().await {
            let _ = ask.send(Scrape { lost: 42, ..Scrape::default() });
        }
    });
    address
}

async fn get(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn a_scraper_gets_the_format_that_it_asks_for() {
    let address = start().await;
    let plain = get(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.1 200 OK\r\n"), "{plain}");
    assert!(plain.contains("content-type: text/plain; version=0.0.4"), "{plain}");
    assert!(plain.contains("\nsyndrop_lost_events_total 42\n") && !plain.contains("# EOF"));
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let open = get(address, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n")).await;
    assert!(open.contains("content-type: application/openmetrics-text"), "{open}");
    assert!(open.ends_with("# EOF\n"), "{open}");
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let address = start().await;
    let rows = [
        ("GET /", "200"),
        ("GET /healthz", "200"),
        ("HEAD /metrics", "200"),
        ("GET /other", "404"),
        ("POST /metrics", "405"),
    ];
    for (request, status) in rows {
        let response = get(address, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {response}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    assert!(!response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on_and_others_get_their_turn() {
    let address = start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /met").await.unwrap();
        silent.push(stream);
    }
    let begin = Instant::now();
    let page = get(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let waited = begin.elapsed();
    assert!(waited > HEAD_TIME / 2, "places are not bounded: {waited:?}");
    assert!(waited < HEAD_TIME + Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::bind(address).await.err().unwrap();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
