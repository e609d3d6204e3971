//! The listener, and what stands between a request and its answer: counting, floods, bans, the test's own answers.

use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grammers_session::SessionData;
use grammers_session::types::{DcOption, PeerAuth, PeerId, PeerInfo, UpdatesState};
use grammers_tl_types::{self as tl, Deserializable, Identifiable, RemoteCall, Serializable};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::crypto::{key_id, numbered_key};
use crate::line::{self, Line, Outgoing};
use crate::world::{AccountId, Key, World};
use crate::{answers, blank};

/// The data centre that the loopback says it is.
pub const DC: i32 = 2;

/// An error as Telegram gives it: code and name, `(400, "USERNAME_NOT_OCCUPIED")`.
pub type Refusal = (i32, &'static str);

/// The result of a request, not yet in its envelope.
pub(crate) enum Reply {
    Answer(Vec<u8>),
    Refuse(i32, String),
}

/// An answer of the test's own; none leaves the request without one.
type Own = Arc<Mutex<dyn FnMut(&[u8]) -> Option<Reply> + Send>>;

/// The server. Clones are the same server.
#[derive(Clone)]
pub struct Loopback {
    address: SocketAddrV4,
    world: Arc<Mutex<World>>,
    own: Arc<Mutex<HashMap<u32, Own>>>,
    keys_made: Arc<AtomicU64>,
}

impl Loopback {
    /// Listens on a free port of 127.0.0.1 for as long as the tokio runtime lives.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let SocketAddr::V4(address) = listener.local_addr().expect("a bound socket has an address") else {
            unreachable!("bound to an IPv4 address")
        };
        let server = Self { address, world: Arc::default(), own: Arc::default(), keys_made: Arc::default() };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(line::serve(accepting.clone(), socket));
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// A new session that reaches this server and is signed in.
    pub fn signed_in(&self, account: AccountId) -> SessionData {
        let (mut data, id) = self.session();
        let mut world = self.world();
        if let Some(key) = world.keys.get_mut(&id) {
            key.account = Some(account.0);
        }
        if let Some(account) = world.accounts.get(account.0) {
            let me = PeerInfo::User {
                id: account.user_id,
                auth: Some(PeerAuth::from_hash(1)),
                bot: Some(account.spec.bot_token.is_some()),
                is_self: Some(true),
            };
            data.peer_infos.insert(PeerId::self_user(), me);
        }
        data
    }

    /// A new session that reaches this server and is not signed in.
    pub fn signed_out(&self) -> SessionData {
        self.session().0
    }

    fn session(&self) -> (SessionData, [u8; 8]) {
        let bytes = numbered_key(self.keys_made.fetch_add(1, Ordering::SeqCst));
        let id = key_id(bytes);
        self.world().keys.insert(id, Key { bytes, account: None, half_signed_in: None });
        let mut data = SessionData { home_dc: DC, ..SessionData::default() };
        let ipv6 = SocketAddrV6::new(self.address.ip().to_ipv6_mapped(), self.address.port(), 0, 0);
        data.dc_options.insert(DC, DcOption { id: DC, ipv4: self.address, ipv6, auth_key: Some(bytes) });
        data.updates_state = UpdatesState::default();
        (data, id)
    }

    /// Answers one method in the test's own way from now on.
    pub fn on<R>(&self, mut answer: impl FnMut(R) -> Result<R::Return, Refusal> + Send + 'static)
    where
        R: RemoteCall + Identifiable + Deserializable + 'static,
        R::Return: Serializable,
    {
        self.on_maybe::<R>(move |request| Some(answer(request)));
    }

    /// As [`Self::on`]; with none the request is never answered.
    pub fn on_maybe<R>(
        &self,
        mut answer: impl FnMut(R) -> Option<Result<R::Return, Refusal>> + Send + 'static,
    ) where
        R: RemoteCall + Identifiable + Deserializable + 'static,
        R::Return: Serializable,
    {
        let own: Own = Arc::new(Mutex::new(move |body: &[u8]| match R::from_bytes(&body[4..]) {
            Ok(request) => answer(request).map(|result| match result {
                Ok(value) => Reply::Answer(value.to_bytes()),
                Err((code, name)) => Reply::Refuse(code, name.to_owned()),
            }),
            Err(error) => Some(Reply::Refuse(400, format!("INPUT_REQUEST_INVALID {error}"))),
        }));
        self.own().insert(R::CONSTRUCTOR_ID, own);
    }

    /// Answers the method as usual again.
    pub fn as_usual<R: Identifiable>(&self) {
        self.own().remove(&R::CONSTRUCTOR_ID);
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self) -> MutexGuard<'_, HashMap<u32, Own>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key(&self, id: [u8; 8]) -> Option<[u8; 256]> {
        self.world().keys.get(&id).map(|key| key.bytes)
    }

    pub(crate) fn open(&self, key: [u8; 8], outgoing: mpsc::UnboundedSender<Outgoing>) -> Line {
        self.world().flag_line(key, outgoing)
    }

    pub(crate) fn close(&self, number: u64) {
        self.world().lines.retain(|line| line.number != number);
    }

    pub(crate) fn introduced(&self, api_id: i32, device: &str) {
        self.world().introductions.push((api_id, device.to_owned()));
    }

    /// Answers one request, sent at this moment by its sender's clock, through `answered`: under the lock, so that
    /// pushes and answers keep their order.
    pub(crate) fn answer(
        &self,
        line: &Line,
        sent_at: Duration,
        id: u32,
        body: &[u8],
        answered: impl FnOnce(Reply),
    ) {
        let method = tl::name_for_id(id).to_owned();
        {
            let mut world = self.world();
            *world.asked.entry(method.clone()).or_default() += 1;
            if let Some(refusal) = flooded(&mut world, line.key, &method, sent_at) {
                return answered(refusal);
            }
            let banned = world.account_of(line.key).and_then(|account| world.accounts.get(account));
            let anyone_may = id == tl::functions::help::GetConfig::CONSTRUCTOR_ID;
            if !anyone_may && banned.is_some_and(|account| account.banned) {
                return answered(Reply::Refuse(401, "USER_DEACTIVATED_BAN".to_owned()));
            }
        }
        // The test's own answers may use the server, so they run outside the lock.
        let own = self.own().get(&id).cloned();
        if let Some(own) = own {
            let reply = own.lock().unwrap_or_else(PoisonError::into_inner)(body);
            if let Some(reply) = reply {
                answered(reply);
            }
            return;
        }
        if id == tl::functions::help::GetConfig::CONSTRUCTOR_ID {
            return answered(Reply::Answer(blank::config(self.address).to_bytes()));
        }
        let mut world = self.world();
        let reply = match answers::answer(&mut world, line.key, id, body) {
            Ok(bytes) => Reply::Answer(bytes),
            Err((code, name)) => Reply::Refuse(code, name.to_owned()),
        };
        answered(reply);
    }
}

fn flooded(world: &mut World, key: [u8; 8], method: &str, sent_at: Duration) -> Option<Reply> {
    let faults = &mut world.faults;
    let at = (key, method.to_owned());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some((asked_at, until)) = faults.flooded_until.get(&at).copied() {
        if now < until {
            // One that was on its way could not know.
            faults.early += u32::from(sent_at > asked_at);
            let left = (until - now).as_secs() + 1;
            return Some(Reply::Refuse(420, format!("FLOOD_WAIT_{left}")));
        }
        faults.flooded_until.remove(&at);
    }
    let (left, seconds) = faults.floods.get_mut(method)?;
    if *left == 0 {
        return None;
    }
    *left -= 1;
    let seconds = *seconds;
    faults.flooded_until.insert(at, (now, now + Duration::from_secs(u64::from(seconds))));
    Some(Reply::Refuse(420, format!("FLOOD_WAIT_{seconds}")))
}
