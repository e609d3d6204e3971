//! How each method is answered, from the world alone.

mod chats;
mod history;
mod sign_in;
mod updates;

use grammers_tl_types::{self as tl, Deserializable, Identifiable, RemoteCall, Serializable};

use crate::blank;
use crate::server::Refusal;
use crate::world::{Chat, World};

/// Who asks: the key of the line.
pub(crate) type KeyId = [u8; 8];

type Answer<R> = Result<<R as RemoteCall>::Return, Refusal>;

/// Parses the request, asks its function, writes the result.
macro_rules! methods {
    ($world:expr, $key:expr, $id:expr, $body:expr; $($request:ty => $answer:path,)*) => {
        match $id {
            $(<$request>::CONSTRUCTOR_ID => {
                let request = <$request>::from_bytes(&$body[4..]).map_err(|_| (400, "INPUT_REQUEST_INVALID"))?;
                $answer($world, $key, request).map(|value: <$request as RemoteCall>::Return| value.to_bytes())
            })*
            _ => Err((400, "INPUT_METHOD_INVALID")),
        }
    };
}

pub(crate) fn answer(world: &mut World, key: KeyId, id: u32, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    use tl::functions as f;
    methods! { world, key, id, body;
        f::auth::SendCode => sign_in::send_code,
        f::auth::SignIn => sign_in::sign_in,
        f::account::GetPassword => sign_in::get_password,
        f::auth::CheckPassword => sign_in::check_password,
        f::auth::ImportBotAuthorization => sign_in::bot,
        f::auth::LogOut => sign_in::log_out,
        f::users::GetUsers => sign_in::get_users,
        f::updates::GetState => updates::state,
        f::updates::GetDifference => updates::difference,
        f::updates::GetChannelDifference => updates::channel_difference,
        f::messages::GetDialogs => history::dialogs,
        f::messages::GetHistory => history::history,
        f::channels::GetMessages => history::by_id,
        f::messages::GetMessagesViews => history::views,
        f::messages::GetBotCallbackAnswer => history::press,
        f::messages::SendMessage => history::send,
        f::contacts::ResolveUsername => chats::resolve,
        f::channels::GetFullChannel => chats::full_channel,
        f::messages::GetFullChat => chats::full_chat,
        f::channels::JoinChannel => chats::join,
        f::messages::ImportChatInvite => chats::join_by_invite,
        f::messages::CheckChatInvite => chats::check_invite,
        f::channels::LeaveChannel => chats::leave,
        f::messages::DeleteChatUser => chats::leave_group,
    }
}

/// The account that asks.
fn account(world: &World, key: KeyId) -> Result<usize, Refusal> {
    world.account_of(key).ok_or((401, "AUTH_KEY_UNREGISTERED"))
}

/// The channel that a request names, with the right access hash and not closed to the account.
fn channel(world: &World, account: usize, channel: &tl::enums::InputChannel) -> Result<i64, Refusal> {
    let tl::enums::InputChannel::Channel(input) = channel else { return Err((400, "CHANNEL_INVALID")) };
    check(world, account, input.channel_id, input.access_hash)
}

fn check(world: &World, account: usize, id: i64, hash: i64) -> Result<i64, Refusal> {
    let chat = world.chats.get(&id).filter(|_| hash == blank::hash(id)).ok_or((400, "CHANNEL_INVALID"))?;
    readable(chat, account).then_some(id).ok_or((400, "CHANNEL_PRIVATE"))
}

/// The chat that a request names.
fn peer(world: &World, account: usize, peer: &tl::enums::InputPeer) -> Result<i64, Refusal> {
    match peer {
        tl::enums::InputPeer::Channel(input) => check(world, account, input.channel_id, input.access_hash),
        tl::enums::InputPeer::Chat(input) => {
            let chat = world.chats.get(&input.chat_id).ok_or((400, "PEER_ID_INVALID"))?;
            chat.members.contains(&account).then_some(input.chat_id).ok_or((403, "CHAT_FORBIDDEN"))
        }
        _ => Err((400, "PEER_ID_INVALID")),
    }
}

fn readable(chat: &Chat, account: usize) -> bool {
    !chat.banned.contains(&account) && (chat.spec.username.is_some() || chat.members.contains(&account))
}

/// A chat as this account sees it.
fn seen(chat: &Chat, account: usize) -> tl::enums::Chat {
    blank::chat(&chat.spec, !chat.members.contains(&account))
}
