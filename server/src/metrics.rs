//! The metrics endpoint: `GET /metrics` over HTTP/1.1 answers in Prometheus's text format. Off unless `metrics-port` is
//! set, and on this machine only unless `metrics-bind` says otherwise: the numbers tell much about a server.
//!
//! It knows one request and closes after one answer, which is all that a scraper needs, so there is no HTTP library
//! behind it. What a request may be is bounded in size and time, and so is the number of them. What is told is in
//! `exposition`.

mod exposition;

use std::net::ToSocketAddrs;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::limits;
use crate::server::Server;

/// Open the socket, if there is to be one.
pub fn open(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    if config.metrics_port == 0 {
        return Ok(None);
    }
    let (host, port) = (config.metrics_bind.as_str(), config.metrics_port);
    let failed = || format!("Failed listening on {host}:{port} (metrics), aborting.");
    let address = (host, port).to_socket_addrs().with_context(failed)?.next().with_context(failed)?;
    let socket = std::net::TcpListener::bind(address).with_context(failed)?;
    socket.set_nonblocking(true).with_context(failed)?;
    TcpListener::from_std(socket).with_context(failed).map(Some)
}

/// Answer until the server ends.
pub async fn serve(server: &'static Server, socket: TcpListener) {
    let places = Arc::new(Semaphore::new(limits::METRICS_CONNECTIONS));
    loop {
        // One that comes when all places are taken waits in the backlog of the socket.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn(async move {
                    let answered =
                        tokio::time::timeout(limits::METRICS_TIME_MAX, answer(server, stream)).await;
                    if !matches!(answered, Ok(Ok(()))) {
                        tracing::debug!("A request for metrics was not answered in full");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("Accepting a connection for metrics: {error}");
                tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// Read one request and answer it.
async fn answer(server: &Server, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let response = loop {
        if let Some(head) = head(&request) {
            break respond(head, || exposition::render(server));
        }
        if request.len() >= limits::METRICS_REQUEST_MAX {
            break response("431 Request Header Fields Too Large", "", "the request is too long\n", true);
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(&response).await?;
    stream.shutdown().await
}

/// The first line of a request, once all of its head is there.
fn head(request: &[u8]) -> Option<&[u8]> {
    let complete = memchr::memmem::find(request, b"\r\n\r\n").is_some();
    complete.then(|| request.split(|&byte| byte == b'\r').next().unwrap_or_default())
}

/// The response to a request with this first line.
fn respond(line: &[u8], metrics: impl FnOnce() -> String) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [method, target, version] = words.as_slice() else {
        return response("400 Bad Request", "", "that is no HTTP request\n", true);
    };
    if !version.starts_with(b"HTTP/1.") {
        return response("505 HTTP Version Not Supported", "", "use HTTP/1.1\n", true);
    }
    let with_body = match *method {
        b"GET" => true,
        b"HEAD" => false,
        _ => return response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET\n", true),
    };
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    if path != b"/metrics" {
        return response("404 Not Found", "", "the metrics are at /metrics\n", with_body);
    }
    response("200 OK", "", &metrics(), with_body)
}

fn response(status: &str, header: &str, body: &str, with_body: bool) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         {header}Connection: close\r\n\r\n",
        body.len()
    );
    if with_body {
        text.push_str(body);
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_for_the_metrics_gets_them() {
        let answer = |line: &str| {
            let response = respond(line.as_bytes(), || "m 1\n".to_owned());
            String::from_utf8(response).expect("it is text")
        };
        assert!(
            answer("GET /metrics HTTP/1.1").ends_with("Content-Length: 4\r\nConnection: close\r\n\r\nm 1\n")
        );
        assert!(answer("GET /metrics?a=b HTTP/1.0").starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(answer("HEAD /metrics HTTP/1.1").ends_with("Content-Length: 4\r\nConnection: close\r\n\r\n"));
        for (line, status) in [
            ("GET / HTTP/1.1", "404"),
            ("GET /metricsx HTTP/1.1", "404"),
            ("POST /metrics HTTP/1.1", "405"),
            ("GET /metrics HTTP/2", "505"),
            ("GET /metrics", "400"),
            ("*1", "400"),
            ("", "400"),
        ] {
            assert!(answer(line).starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {}", answer(line));
        }
    }

    #[test]
    fn a_request_is_read_up_to_its_empty_line() {
        assert_eq!(head(b"GET / HTTP/1.1\r\nHost: x\r\n"), None);
        assert_eq!(head(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Some(&b"GET / HTTP/1.1"[..]));
        assert_eq!(head(b"\r\n\r\n"), Some(&b""[..]));
    }
}
