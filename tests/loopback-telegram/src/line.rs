//! One client's line: packets in, packets out, both in order.
//!
//! Answers and pushes wait in one queue, filled under the lock of the world, so that a client sees them in the order
//! in which things happened. A mute line reads on and writes nothing, as a dead TCP connection does.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grammers_crypto::DequeBuffer;
use grammers_mtproto::transport::{Full, Transport};
use grammers_tl_types::{self as tl, Cursor, Deserializable, Identifiable, Serializable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::crypto::Cipher;
use crate::server::{Loopback, Reply};

/// The only salt this server has.
const SALT: i64 = 0x5a17_5a17_5a17;
const MSG_CONTAINER: u32 = 0x73f1_f8dc;
const GZIP_PACKED: u32 = 0x3072_cfa1;
const RPC_RESULT: u32 = 0xf35c_6d01;

/// What is to be written.
#[derive(Clone)]
pub(crate) enum Outgoing {
    /// A message that the client acknowledges (answers, updates), or not (pongs).
    Body { bytes: Arc<Vec<u8>>, content: bool },
    /// Close the line.
    HangUp,
}

/// What the rest of the server knows of a line.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) number: u64,
    /// Whose key it is.
    pub(crate) key: [u8; 8],
    pub(crate) outgoing: mpsc::UnboundedSender<Outgoing>,
    pub(crate) mute: Arc<AtomicBool>,
}

impl Line {
    pub(crate) fn send(&self, bytes: Arc<Vec<u8>>) {
        let _ = self.outgoing.send(Outgoing::Body { bytes, content: true }); // a closed line hears nothing
    }

    fn reply(&self, bytes: Vec<u8>, content: bool) {
        let _ = self.outgoing.send(Outgoing::Body { bytes: Arc::new(bytes), content });
    }
}

/// Serves a client until it or the script hangs up.
pub(crate) async fn serve(server: Loopback, socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let (reader, writer) = socket.into_split();
    if let Err(reason) = converse(server, reader, writer).await {
        tracing::debug!(reason, "line ended");
    }
}

async fn converse(server: Loopback, mut reader: OwnedReadHalf, writer: OwnedWriteHalf) -> Result<(), String> {
    let mut transport = Full::new();
    let mut buffer = vec![0_u8; 1 << 20];
    let mut filled = 0;
    let mut opened: Option<Opened> = None;
    let mut writer = Some(writer);
    loop {
        let read = match &mut opened {
            None => reader.read(&mut buffer[filled..]).await,
            Some(opened) => tokio::select! {
                read = reader.read(&mut buffer[filled..]) => read,
                _ = &mut opened.writing => return Err("hung up".to_owned()),
            },
        };
        let read = read.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the client hung up".to_owned());
        }
        filled += read;
        let mut taken = 0;
        while taken != filled {
            let offsets = match transport.unpack(&mut buffer[taken..filled]) {
                Ok(offsets) => offsets,
                Err(grammers_mtproto::transport::Error::MissingBytes) => break,
                Err(error) => return Err(error.to_string()),
            };
            let packet = &mut buffer[taken..][offsets.data_range];
            let id: [u8; 8] = packet[..8].try_into().expect("eight bytes");
            if opened.is_none() {
                let Some(key) = server.key(id) else {
                    // What Telegram answers to an unknown key; the client then tries a handshake and gets no further.
                    if let Some(mut writer) = writer.take() {
                        let _ = writer.write_all(&(-404_i32).to_le_bytes()).await;
                    }
                    return Err("unknown key".to_owned());
                };
                opened = writer.take().map(|writer| Opened::new(&server, id, key, writer));
            }
            let opened = opened.as_mut().expect("opened with the first packet");
            let plain = opened.cipher.decrypt(packet)?;
            opened.read(&server, plain)?;
            taken += offsets.next_offset;
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
    }
}

/// A line whose key is known.
struct Opened {
    line: Line,
    cipher: Cipher,
    session_id: Arc<AtomicI64>,
    writing: tokio::task::JoinHandle<()>,
    server: Loopback,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.server.close(self.line.number);
        self.writing.abort();
    }
}

impl Opened {
    fn new(server: &Loopback, id: [u8; 8], key: [u8; 256], writer: OwnedWriteHalf) -> Self {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let line = server.open(id, outgoing);
        let session_id = Arc::new(AtomicI64::new(0));
        let writing = tokio::spawn(write(
            writer,
            queue,
            Cipher::new(key),
            Arc::clone(&session_id),
            Arc::clone(&line.mute),
        ));
        Self { line, cipher: Cipher::new(key), session_id, writing, server: server.clone() }
    }

    fn read(&self, server: &Loopback, plain: &[u8]) -> Result<(), String> {
        let mut cursor = Cursor::from_slice(plain);
        let salt = read_value::<i64>(&mut cursor)?;
        self.session_id.store(read_value(&mut cursor)?, Ordering::SeqCst);
        let message: i64 = read_value(&mut cursor)?;
        let sequence: i32 = read_value(&mut cursor)?;
        let body = read_bytes(&mut cursor)?;
        if salt != SALT {
            let bad: tl::enums::BadMsgNotification = tl::types::BadServerSalt {
                bad_msg_id: message,
                bad_msg_seqno: sequence,
                error_code: 48,
                new_server_salt: SALT,
            }
            .into();
            self.line.reply(bad.to_bytes(), false);
            return Ok(());
        }
        self.dispatch(server, message, &body)
    }

    fn dispatch(&self, server: &Loopback, message: i64, body: &[u8]) -> Result<(), String> {
        let id = u32::from_bytes(body).map_err(|error| error.to_string())?;
        match id {
            MSG_CONTAINER => {
                let mut cursor = Cursor::from_slice(&body[4..]);
                for _ in 0..read_value::<i32>(&mut cursor)? {
                    let inner: i64 = read_value(&mut cursor)?;
                    let _sequence: i32 = read_value(&mut cursor)?;
                    let body = read_bytes(&mut cursor)?;
                    self.dispatch(server, inner, &body)?;
                }
            }
            GZIP_PACKED => {
                let packed = Vec::<u8>::from_bytes(&body[4..]).map_err(|error| error.to_string())?;
                let mut body = Vec::new();
                flate2::read::GzDecoder::new(&packed[..])
                    .read_to_end(&mut body)
                    .map_err(|error| error.to_string())?;
                self.dispatch(server, message, &body)?;
            }
            tl::types::MsgsAck::CONSTRUCTOR_ID => {}
            tl::functions::GetFutureSalts::CONSTRUCTOR_ID => {
                let now = crate::now();
                let salts = (0..4)
                    .map(|hour| tl::types::FutureSalt {
                        valid_since: now + hour * 3600 - 10,
                        valid_until: now + (hour + 1) * 3600,
                        salt: SALT,
                    })
                    .collect();
                let salts: tl::enums::FutureSalts =
                    tl::types::FutureSalts { req_msg_id: message, now, salts: tl::RawVec(salts) }.into();
                self.line.reply(salts.to_bytes(), false);
            }
            tl::functions::Ping::CONSTRUCTOR_ID | tl::functions::PingDelayDisconnect::CONSTRUCTOR_ID => {
                let ping_id = i64::from_bytes(&body[4..]).map_err(|error| error.to_string())?;
                let pong: tl::enums::Pong = tl::types::Pong { msg_id: message, ping_id }.into();
                self.line.reply(pong.to_bytes(), false);
            }
            tl::functions::InvokeWithLayer::<Rest>::CONSTRUCTOR_ID => {
                let outer = tl::functions::InvokeWithLayer::<Rest>::from_bytes(&body[4..])
                    .map_err(|error| error.to_string())?;
                self.dispatch(server, message, &outer.query.0)?;
            }
            tl::functions::InitConnection::<Rest>::CONSTRUCTOR_ID => {
                let outer = tl::functions::InitConnection::<Rest>::from_bytes(&body[4..])
                    .map_err(|error| error.to_string())?;
                server.introduced(outer.api_id, &outer.device_model);
                self.dispatch(server, message, &outer.query.0)?;
            }
            _ => {
                let answered = |reply: Reply| {
                    let result = match reply {
                        Reply::Answer(bytes) => bytes,
                        Reply::Refuse(code, name) => {
                            let refusal: tl::enums::RpcError =
                                tl::types::RpcError { error_code: code, error_message: name }.into();
                            refusal.to_bytes()
                        }
                    };
                    let mut answer = RPC_RESULT.to_bytes();
                    answer.extend(message.to_le_bytes());
                    answer.extend(result);
                    self.line.reply(answer, true);
                };
                // A message's number is the time at which it was made: seconds, and the nanoseconds times four.
                let sent_at = Duration::new((message >> 32) as u64, (message as u32) >> 2);
                server.answer(&self.line, sent_at, id, body, answered);
            }
        }
        Ok(())
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    cipher: Cipher,
    session_id: Arc<AtomicI64>,
    mute: Arc<AtomicBool>,
) {
    let mut transport = Full::new();
    let (mut sequence, mut last_id) = (0, 0);
    while let Some(outgoing) = queue.recv().await {
        let Outgoing::Body { bytes, content } = outgoing else { return };
        if mute.load(Ordering::SeqCst) {
            continue;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = ((since.as_secs() as i64) << 32) | (i64::from(since.subsec_nanos()) << 2) & !3 | 1;
        last_id = clock.max(last_id + 4);
        let mut packet = DequeBuffer::with_capacity(bytes.len() + 128, 64);
        packet.extend(SALT.to_le_bytes());
        packet.extend(session_id.load(Ordering::SeqCst).to_le_bytes());
        packet.extend(last_id.to_le_bytes());
        packet.extend((sequence + i32::from(content)).to_le_bytes());
        packet.extend((bytes.len() as i32).to_le_bytes());
        packet.extend(bytes.iter().copied());
        sequence += 2 * i32::from(content);
        cipher.encrypt(&mut packet);
        transport.pack(&mut packet);
        if writer.write_all(&packet[..]).await.is_err() {
            return;
        }
    }
}

/// The inner request of `invokeWithLayer` and its like, as bytes.
struct Rest(Vec<u8>);

impl Deserializable for Rest {
    fn deserialize(buffer: &mut Cursor<'_>) -> tl::deserialize::Result<Self> {
        let mut rest = Vec::new();
        buffer.read_to_end(&mut rest)?;
        Ok(Self(rest))
    }
}

fn read_value<T: Deserializable>(cursor: &mut Cursor<'_>) -> Result<T, String> {
    T::deserialize(cursor).map_err(|error| error.to_string())
}

fn read_bytes(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, String> {
    let length: i32 = read_value(cursor)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| "negative length")?];
    cursor.read_exact(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
