//! A line with a delay, between a client and a server on the loopback interface.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Forwards every byte after this delay, each way. Answers the port to connect to.
pub async fn slow_line(server: SocketAddr, one_way: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (client_read, client_write) = client.into_split();
            let (server_read, server_write) = server.into_split();
            tokio::spawn(delay(client_read, server_write, one_way));
            tokio::spawn(delay(server_read, client_write, one_way));
        }
    });
    port
}

async fn delay(
    mut read: tokio::net::tcp::OwnedReadHalf,
    mut write: tokio::net::tcp::OwnedWriteHalf,
    by: Duration,
) {
    let (queue, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((moment, bytes)) = due.recv().await {
            sleep_until(moment).await;
            if write.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = read.read(&mut buffer).await {
        if queue
            .send((Instant::now() + by, buffer[..count].to_vec()))
            .is_err()
        {
            break;
        }
    }
}
