//! Opens the embedded database to other programs: passes a client's bytes to its one connection.
//!
//! Stands between them because the embedded server ends with a client that breaks off in the middle of an answer,
//! and leaves a second client waiting without a word.

use std::io;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::embedded::{Embedded, Streams};

/// How long a client may wait for the one before it: psql opens the new connection before it closes the old.
const PATIENCE: Duration = Duration::from_secs(2);
/// PostgreSQL's own limit for what a client sends first.
const MAX_STARTUP_BYTES: u32 = 10_000;
/// A client's question for encryption, by TLS or GSSAPI, before it starts.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// Serves clients of `listener`, one at a time, for ever.
pub(super) async fn serve(listener: TcpListener, embedded: &Mutex<Embedded>) -> io::Error {
    let mut clients = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => clients.push(attend(client, embedded)),
                Err(error) => return error,
            },
            Some(attended) = clients.next() => if let Err(error) = attended {
                tracing::warn!(%error, "a client of the embedded Postgres was lost");
            },
        }
    }
}

async fn attend(client: TcpStream, embedded: &Mutex<Embedded>) -> io::Result<()> {
    let Ok(mut embedded) = timeout(PATIENCE, embedded.lock()).await else {
        return refuse(client).await;
    };
    let backend = embedded.connect().await.map_err(io::Error::other)?;
    pass(client, backend).await
}

/// Carries bytes both ways until both sides have ended.
async fn pass(client: TcpStream, (mut from_backend, mut to_backend): Streams) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let questions = async {
        let asked = copy(&mut from_client, &mut to_backend).await;
        to_backend.shutdown().await.and(asked.map(drop))
    };
    let answers = async {
        let answered = copy(&mut from_backend, &mut to_client).await;
        if answered.is_err() {
            copy(&mut from_backend, &mut sink()).await?; // the client is gone: let the server finish its sentence
        }
        let _ = to_client.shutdown().await;
        answered.map(drop)
    };
    let (asked, answered) = tokio::join!(questions, answers);
    asked.and(answered)
}

/// Tells a client, in PostgreSQL's protocol, that another one is served.
async fn refuse(mut client: TcpStream) -> io::Result<()> {
    loop {
        let (length, code) = (client.read_u32().await?, client.read_u32().await?);
        if ENCRYPTION_REQUESTS.contains(&code) {
            client.write_all(b"N").await?;
            continue;
        }
        let rest = u64::from(length.min(MAX_STARTUP_BYTES).saturating_sub(8));
        copy(&mut (&mut client).take(rest), &mut sink()).await?;
        break;
    }
    let fields = b"SFATAL\0VFATAL\0C53300\0Mthe embedded Postgres serves one client at a time, and another one is connected\0\0";
    client.write_u8(b'E').await?;
    client.write_u32(4 + fields.len() as u32).await?;
    client.write_all(fields).await?;
    client.shutdown().await
}
