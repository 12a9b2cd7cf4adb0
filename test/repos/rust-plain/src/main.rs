use std::io::{Read, Write};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("3080".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let page = "<!doctype html><title>Rust</title><h1>Hello from Rust</h1>";
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.read(&mut [0; 4096])?;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
            page.len()
        )?;
    }
    Ok(())
}
