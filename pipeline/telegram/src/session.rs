//! What an account must remember to be signed in: one file, readable by its owner alone.
//!
//! It holds the authorization key of each data centre, which *is* the account, so it is never logged or printed and
//! this type has no `Debug`. The file is written whole beside itself, synced and renamed, so a killed process leaves
//! the old one or the new one. Peers are remembered for their access hashes: groups, channels and the account itself;
//! other people are not, or a year of senders would be written at each change.
//!
//! The update state is kept as long as the process lives and never resumed from: it runs ahead of what is stored.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use grammers_session::types::{
    ChannelKind, ChannelState, DcOption, PeerAuth, PeerId, PeerInfo, UpdateState, UpdatesState,
};
use grammers_session::{BoxFuture, SessionData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Layout of the file.
const VERSION: u32 = 1;

/// An account's session. Shared by its connection and nobody else: one session in two processes gets both signed out.
pub struct Session {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    data: SessionData,
    /// The owner's phone number, masked.
    phone: Option<String>,
    /// Something changed since the file was written.
    dirty: bool,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    home_dc: i32,
    /// Masked: enough to tell accounts apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    data_centres: Vec<StoredDc>,
    peers: Vec<StoredPeer>,
}

#[derive(Serialize, Deserialize)]
struct StoredDc {
    id: i32,
    ipv4: std::net::SocketAddrV4,
    ipv6: std::net::SocketAddrV6,
    /// In hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StoredPeer {
    Myself { id: i64, hash: Option<i64>, bot: Option<bool> },
    Group { id: i64 },
    Channel { id: i64, hash: Option<i64>, channel: Option<StoredKind> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredKind {
    Broadcast,
    Megagroup,
    Gigagroup,
    Community,
}

impl Session {
    /// Reads the file; a missing one is a session that is not signed in, written at the first sign-in.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (data, phone) = match fs::read(&path) {
            Ok(bytes) => parse(&bytes).map_err(|reason| Error::Session {
                path: path.display().to_string(),
                reason: format!("{reason}; remove it and sign in again with `tickertape login`"),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (SessionData::default(), None),
            Err(error) => {
                return Err(Error::Session { path: path.display().to_string(), reason: error.to_string() });
            }
        };
        Ok(Self { path, state: Mutex::new(State { data, phone, dirty: false }) })
    }

    /// Where it is stored.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether some account has signed in with it. Telegram may have ended that since.
    pub fn is_signed_in(&self) -> bool {
        self.lock().data.peer_infos.contains_key(&PeerId::self_user())
    }

    /// The bare user id of the account that signed in with it.
    pub fn user_id(&self) -> Option<i64> {
        match self.lock().data.peer_infos.get(&PeerId::self_user()) {
            Some(PeerInfo::User { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// The owner's phone number, masked, as it was when signing in.
    pub fn phone(&self) -> Option<String> {
        self.lock().phone.clone()
    }

    /// Remembers the owner's phone number, which is masked already.
    pub(crate) fn set_phone(&self, masked: Option<String>) {
        let mut state = self.lock();
        state.dirty |= state.phone != masked;
        state.phone = masked;
    }

    /// Whether the account is a bot.
    pub fn is_bot(&self) -> bool {
        let state = self.lock();
        matches!(
            state.data.peer_infos.get(&PeerId::self_user()),
            Some(PeerInfo::User { bot: Some(true), .. })
        )
    }

    /// The access hash of a channel, which every request about it needs.
    pub fn channel_hash(&self, bare_id: i64) -> Option<i64> {
        let id = PeerId::channel(bare_id)?;
        self.lock().data.peer_infos.get(&id)?.auth().map(PeerAuth::hash)
    }

    /// Remembers the groups and channels of an answer.
    pub fn remember(&self, chats: &[grammers_client::tl::enums::Chat]) {
        for chat in chats {
            self.lock().remember(PeerInfo::from(chat.clone()));
        }
    }

    /// Writes what changed since the last time.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        if state.dirty {
            write_whole(&self.path, &render(&state.data, state.phone.as_deref())).map_err(|error| {
                Error::Session { path: self.path.display().to_string(), reason: error.to_string() }
            })?;
            state.dirty = false;
        }
        Ok(())
    }

    /// Signs out for good: the file and what is in memory are gone.
    pub fn remove(&self) -> Result<()> {
        let mut state = self.lock();
        *state = State { data: SessionData::default(), phone: None, dirty: false };
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Session { path: self.path.display().to_string(), reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, peer: PeerInfo) {
        let is_self = matches!(peer, PeerInfo::User { is_self: Some(true), .. });
        if matches!(peer, PeerInfo::User { .. }) && !is_self {
            return;
        }
        // The client asks for the account itself under this name and no other.
        let id = if is_self { PeerId::self_user() } else { peer.id() };
        match self.data.peer_infos.get_mut(&id) {
            Some(known) => {
                let before = known.clone();
                known.extend_info(&peer);
                self.dirty |= *known != before;
            }
            None => {
                self.data.peer_infos.insert(id, peer);
                self.dirty = true;
            }
        }
    }
}

impl grammers_session::Session for Session {
    type Error = Error;

    fn home_dc_id(&self) -> Result<i32> {
        Ok(self.lock().data.home_dc)
    }

    fn set_home_dc_id(&self, dc_id: i32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            {
                let mut state = self.lock();
                state.dirty |= state.data.home_dc != dc_id;
                state.data.home_dc = dc_id;
            }
            self.flush()
        })
    }

    fn dc_option(&self, dc_id: i32) -> Result<Option<DcOption>> {
        Ok(self.lock().data.dc_options.get(&dc_id).cloned())
    }

    fn set_dc_option(&self, dc_option: &DcOption) -> BoxFuture<'_, Result<()>> {
        let dc_option = dc_option.clone();
        Box::pin(async move {
            {
                let mut state = self.lock();
                state.dirty |= state.data.dc_options.get(&dc_option.id) != Some(&dc_option);
                state.data.dc_options.insert(dc_option.id, dc_option);
            }
            self.flush()
        })
    }

    fn peer(&self, peer: PeerId) -> BoxFuture<'_, Result<Option<PeerInfo>>> {
        Box::pin(async move { Ok(self.lock().data.peer_infos.get(&peer).cloned()) })
    }

    fn cache_peer(&self, peer: PeerInfo) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let is_self = matches!(peer, PeerInfo::User { is_self: Some(true), .. });
            self.lock().remember(peer);
            // Who one is belongs to the sign-in; a channel's hash comes again with the next list of dialogs.
            if is_self { self.flush() } else { Ok(()) }
        })
    }

    fn updates_state(&self) -> BoxFuture<'_, Result<UpdatesState>> {
        Box::pin(async move { Ok(self.lock().data.updates_state.clone()) })
    }

    fn set_update_state(&self, update: UpdateState) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let state = &mut self.lock().data.updates_state;
            match update {
                UpdateState::All(all) => *state = all,
                UpdateState::Primary { pts, date, seq } => {
                    (state.pts, state.date, state.seq) = (pts, date, seq);
                }
                UpdateState::Secondary { qts } => state.qts = qts,
                UpdateState::Channel { id, pts } => {
                    state.channels.retain(|channel| channel.id != id);
                    state.channels.push(ChannelState { id, pts });
                }
            }
            Ok(())
        })
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    // A file left by a killed process keeps the mode it had.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn render(data: &SessionData, phone: Option<&str>) -> Vec<u8> {
    let mut data_centres: Vec<StoredDc> = data
        .dc_options
        .values()
        .map(|dc| StoredDc {
            id: dc.id,
            ipv4: dc.ipv4,
            ipv6: dc.ipv6,
            key: dc.auth_key.map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect()),
        })
        .collect();
    data_centres.sort_by_key(|dc| dc.id);
    let peers = data.peer_infos.values().filter_map(stored_peer).collect();
    let phone = phone.map(str::to_owned);
    let stored = Stored { version: VERSION, home_dc: data.home_dc, phone, data_centres, peers };
    serde_json::to_vec(&stored).expect("writing to memory cannot fail, and every key is a string")
}

fn stored_peer(peer: &PeerInfo) -> Option<StoredPeer> {
    Some(match peer {
        PeerInfo::User { id, auth, bot, is_self: Some(true) } => {
            StoredPeer::Myself { id: *id, hash: auth.map(PeerAuth::hash), bot: *bot }
        }
        PeerInfo::User { .. } => return None,
        PeerInfo::Chat { id } => StoredPeer::Group { id: *id },
        PeerInfo::Channel { id, auth, kind } => StoredPeer::Channel {
            id: *id,
            hash: auth.map(PeerAuth::hash),
            channel: kind.map(|kind| match kind {
                ChannelKind::Broadcast => StoredKind::Broadcast,
                ChannelKind::Megagroup => StoredKind::Megagroup,
                ChannelKind::Gigagroup => StoredKind::Gigagroup,
                ChannelKind::Community => StoredKind::Community,
            }),
        },
    })
}

fn parse(bytes: &[u8]) -> Result<(SessionData, Option<String>), String> {
    let stored: Stored = serde_json::from_slice(bytes)
        .map_err(|error| format!("not a session file (line {}, column {})", error.line(), error.column()))?;
    if stored.version != VERSION {
        return Err(format!("layout {} is unknown, this program writes {VERSION}", stored.version));
    }
    let mut data = SessionData { home_dc: stored.home_dc, ..SessionData::default() };
    for dc in stored.data_centres {
        let auth_key = dc.key.map(|hex| parse_key(&hex).ok_or("a key is damaged")).transpose()?;
        data.dc_options.insert(dc.id, DcOption { id: dc.id, ipv4: dc.ipv4, ipv6: dc.ipv6, auth_key });
    }
    for peer in stored.peers {
        let (id, info) = match peer {
            StoredPeer::Myself { id, hash, bot } => (
                PeerId::self_user(),
                PeerInfo::User { id, auth: hash.map(PeerAuth::from_hash), bot, is_self: Some(true) },
            ),
            StoredPeer::Group { id } => {
                (PeerId::chat(id).ok_or("a group's id is out of range")?, PeerInfo::Chat { id })
            }
            StoredPeer::Channel { id, hash, channel } => (
                PeerId::channel(id).ok_or("a channel's id is out of range")?,
                PeerInfo::Channel {
                    id,
                    auth: hash.map(PeerAuth::from_hash),
                    kind: channel.map(|kind| match kind {
                        StoredKind::Broadcast => ChannelKind::Broadcast,
                        StoredKind::Megagroup => ChannelKind::Megagroup,
                        StoredKind::Gigagroup => ChannelKind::Gigagroup,
                        StoredKind::Community => ChannelKind::Community,
                    }),
                },
            ),
        };
        data.peer_infos.insert(id, info);
    }
    Ok((data, stored.phone))
}

fn parse_key(hex: &str) -> Option<[u8; 256]> {
    if hex.len() != 512 || !hex.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..256).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use grammers_session::Session as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
    }

    async fn signed_in(path: &Path) -> Session {
        let session = Session::open(path).expect("opens");
        let mut dc = session.dc_option(2).expect("readable").expect("known");
        dc.auth_key = Some(std::array::from_fn(|at| at as u8));
        session.set_dc_option(&dc).await.expect("written");
        let me = PeerInfo::User {
            id: 7,
            auth: Some(PeerAuth::from_hash(-1)),
            bot: Some(false),
            is_self: Some(true),
        };
        session.cache_peer(me).await.expect("written");
        session
    }

    #[tokio::test]
    async fn what_matters_survives_and_people_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("accounts/alpha.session");
        let session = signed_in(&path).await;
        let channel = PeerInfo::Channel {
            id: 42,
            auth: Some(PeerAuth::from_hash(-99)),
            kind: Some(ChannelKind::Megagroup),
        };
        session.cache_peer(channel.clone()).await.expect("kept");
        let someone = PeerInfo::User { id: 8, auth: Some(PeerAuth::from_hash(5)), bot: None, is_self: None };
        session.cache_peer(someone.clone()).await.expect("ignored");
        session.set_phone(Some("+100…01".to_owned()));
        session.flush().expect("written");

        let again = Session::open(&path).expect("opens");
        assert!(again.is_signed_in() && !again.is_bot());
        assert_eq!((again.user_id(), again.channel_hash(42)), (Some(7), Some(-99)));
        assert_eq!(again.phone().as_deref(), Some("+100…01"));
        assert_eq!(again.peer(channel.id()).await.expect("readable"), Some(channel));
        assert_eq!(again.peer(someone.id()).await.expect("readable"), None);
        let key = again.dc_option(2).expect("readable").expect("known").auth_key;
        assert_eq!(key, Some(std::array::from_fn(|at| at as u8)));
    }

    #[tokio::test]
    async fn nobody_else_can_read_it_whatever_was_there_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alpha.session");
        let beside = folder.path().join("alpha.session.new");
        for left in [&path, &beside] {
            fs::write(left, render(&SessionData::default(), None)).expect("written");
            fs::set_permissions(left, fs::Permissions::from_mode(0o666)).expect("set");
        }
        signed_in(&path).await;
        assert_eq!(mode(&path), 0o600);
        assert!(!beside.exists());
    }

    #[tokio::test]
    async fn a_write_that_was_cut_short_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alpha.session");
        signed_in(&path).await;
        let whole = fs::read(&path).expect("written");
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            // What a kill in the middle of a write leaves beside the file.
            fs::write(folder.path().join("alpha.session.new"), &whole[..cut]).expect("written");
            assert!(Session::open(&path).expect("the old file").is_signed_in());
            assert!(parse(&whole[..cut]).is_err(), "cut to {cut}");
        }
    }

    #[tokio::test]
    async fn a_damaged_file_says_what_to_do_and_nothing_of_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alpha.session");
        signed_in(&path).await;
        let text = fs::read_to_string(&path).expect("written").replacen("00010203", "zz010203", 1);
        fs::write(&path, text).expect("damaged");
        let message = Session::open(&path).err().expect("an error").to_string();
        assert!(message.contains("tickertape login") && !message.contains("0102"), "{message}");
    }
}
