//! What the API shows and does, as the process gives it. Nothing here knows where it comes from.
//!
//! Texts of strangers (names, descriptions, reasons) are JSON strings and nothing else.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Figures, Problem};

/// Everything that can be asked. Each call should hold the database briefly: the embedded one has one connection.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Every account.
    async fn accounts(&self) -> Result<Vec<Account>, Problem>;
    /// A page of channels; `page.limit` is in bounds.
    async fn channels(&self, page: &ChannelsPage) -> Result<Channels, Problem>;
    /// One channel, named as a user names it.
    async fn channel(&self, name: &str) -> Result<ChannelDetails, Problem>;
    /// Does what the user wishes about channels, and says what came of it.
    async fn wish(&self, wish: Wish, channels: &[String]) -> Result<Vec<WishOutcome>, Problem>;
    /// A page of links seen in messages; `page.limit` is in bounds.
    async fn links(&self, page: &Page) -> Result<Links, Problem>;
    /// A coin list; the newest when no version is named.
    async fn coin_list(&self, version: Option<u64>) -> Result<CoinList, Problem>;
    /// What came of the latest refreshes, newest first.
    async fn coin_history(&self, limit: u32) -> Result<CoinHistory, Problem>;
    /// What changed from one list to another.
    async fn coin_differences(&self, before: u64, after: u64) -> Result<Vec<CoinDifference>, Problem>;
    /// Asks CoinGecko now.
    async fn refresh_coins(&self) -> Result<CoinRefresh, Problem>;
    /// How far behind each stage of this process is.
    async fn lag(&self) -> Result<Vec<Lag>, Problem>;
    /// A page of dead letters; `page.limit` is in bounds.
    async fn dead_letters(&self, page: &Page) -> Result<DeadLetters, Problem>;
    /// What is counted. What does not answer at once is left out.
    async fn figures(&self) -> Figures;
}

/// What can be wished about a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Follow it.
    Add,
    /// Follow it no longer.
    Remove,
    /// Follow one that was found.
    Approve,
    /// Do not follow one that was found.
    Reject,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// What stood in `next` of the page before; none for the first page.
    pub after: Option<String>,
    /// How many at most, 1 to 500.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 500)]
    pub limit: u32,
}

/// Which channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChannelsPage {
    /// Only those in these states, with commas: `followed,inactive`.
    pub state: Option<String>,
    /// Only those that are relevant and wait for approval.
    #[serde(default)]
    pub pending: bool,
    /// What stood in `next` of the page before; none for the first page.
    pub after: Option<i64>,
    /// How many at most, 1 to 500.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 500)]
    pub limit: u32,
}

pub(crate) fn default_limit() -> u32 {
    100
}

/// A Telegram account, as the manager knows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Account {
    /// Its label in the configuration.
    pub label: String,
    /// What it last said of itself: online, limited, offline, signed_out or banned.
    pub state: String,
    /// Why it is not online, in Telegram's words.
    pub reason: Option<String>,
    /// The manager's judgement: it reports, and can read what it follows.
    pub working: bool,
    /// Telegram Premium.
    pub premium: bool,
    /// Open dialogs.
    pub dialogs: u32,
    /// Chats it is a member of.
    pub chats: u64,
    /// Joins it was told on the day it was last told one (UTC).
    pub joins_today: u32,
    /// Time of its newest report, Unix seconds.
    pub last_seen: i64,
    /// Until when Telegram makes it wait, Unix seconds.
    pub limited_until: Option<i64>,
}

/// A channel, as the manager knows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Channel {
    /// The manager's number of it.
    pub number: i64,
    /// Marked id of the chat; none until somebody has looked.
    pub chat_id: Option<i64>,
    /// The links that lead to it.
    pub links: Vec<String>,
    /// How it stands: discovered, candidate, joining, followed, inactive, left, rejected, broken or banned.
    pub state: String,
    /// Since when, Unix seconds.
    pub since: i64,
    /// Why.
    pub reason: String,
    /// The account that joins or follows it.
    pub account: Option<String>,
    /// Public name without `@`.
    pub username: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub about: Option<String>,
    /// Subscribers or members.
    pub participants: Option<i64>,
    /// How relevant its preview is, 0 to 1.
    pub score: Option<f64>,
    /// Language of its preview, ISO 639-1.
    pub language: Option<String>,
    /// Why it has that score.
    pub score_reasons: Vec<String>,
    /// Date of its newest message as far as known, Unix seconds.
    pub last_message_at: Option<i64>,
}

/// A page of channels.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Channels {
    /// By number.
    pub channels: Vec<Channel>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<i64>,
}

/// A channel and its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelDetails {
    /// The channel.
    pub channel: Channel,
    /// Its steps from state to state, oldest first.
    pub steps: Vec<Step>,
}

/// One step of a channel's way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Step {
    /// When, Unix seconds.
    pub at: i64,
    /// From which state.
    pub from: String,
    /// To which state.
    pub to: String,
    /// Why.
    pub reason: String,
    /// The account that held it until then.
    pub account: Option<String>,
}

/// Channels to do something about.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Each a link in any form, `@name`, or a chat id.
    pub channels: Vec<String>,
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WishOutcome {
    /// The channel: its link in normal form, or its chat id.
    pub channel: String,
    /// What the manager did; none while it has not looked: the wish is kept for it.
    pub outcome: Option<String>,
}

/// A link seen in a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkSeen {
    /// The link in normal form.
    pub link: String,
    /// Marked id of the chat it was seen in; 0 when a user gave it.
    pub chat_id: i64,
    /// The message it was seen in.
    pub message_id: i64,
    /// When it was recorded, Unix seconds; none when no calendar has that date.
    pub received_at: Option<i64>,
    /// Marked id of the chat it leads to.
    pub target_chat_id: Option<i64>,
    /// What it leads to: channel, supergroup, group or user.
    pub target_kind: Option<String>,
    /// Title of that chat.
    pub target_title: Option<String>,
    /// Why nothing is known of it.
    pub unavailable: Option<String>,
}

/// A page of links.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Links {
    /// By chat, message and link.
    pub links: Vec<LinkSeen>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

/// A coin list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoinList {
    /// Its place on topic coin-lists, from 1.
    pub version: u64,
    /// Day or moment of the market data, as its source wrote it.
    pub as_of: String,
    /// By market cap.
    pub coins: Vec<Coin>,
}

/// A coin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Coin {
    /// Place by market cap among all coins, stablecoins included.
    pub rank: u32,
    /// CoinGecko's slug.
    pub id: String,
    /// Ticker.
    pub symbol: String,
    /// Full name.
    pub name: String,
}

/// What came of a refresh.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoinRefresh {
    /// When, Unix seconds.
    pub at: i64,
    /// `changed`, `unchanged`, or the name of the reason why the list in force stayed.
    pub outcome: String,
    /// The reason in words; none when the answer was taken.
    pub reason: Option<String>,
    /// The list in force afterwards.
    pub version: u64,
    /// Calls it took.
    pub calls: u32,
}

/// The latest refreshes and what they cost.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoinHistory {
    /// Calls made this month.
    pub calls_this_month: u64,
    /// Calls that may be made a month.
    pub monthly_calls: u64,
    /// Newest first.
    pub refreshes: Vec<CoinRefresh>,
}

/// A coin that differs between two lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoinDifference {
    /// `added`, `removed`, `moved` or `renamed`.
    pub change: String,
    /// CoinGecko's slug.
    pub id: String,
    /// Ticker.
    pub symbol: String,
    /// Full name.
    pub name: String,
    /// Rank in the older list.
    pub before: Option<u32>,
    /// Rank in the newer list.
    pub after: Option<u32>,
}

/// How far behind a stage is in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lag {
    /// attribute, postgres, parquet or manage.
    pub stage: String,
    /// The topic it reads.
    pub topic: String,
    /// The partition, from 0.
    pub partition: u32,
    /// The first record that it has not dealt with.
    pub position: u64,
    /// The offset that the next record will get.
    pub end: u64,
    /// How many records lie between.
    pub lag: u64,
}

/// A record that could not be understood.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Where it stood, as one text.
    pub id: String,
    /// The topic; none when it stood in a file.
    pub topic: Option<String>,
    /// The partition of that topic.
    pub partition: Option<i64>,
    /// The offset in that partition.
    pub offset: Option<i64>,
    /// The file.
    pub file: Option<String>,
    /// Which record of that file, from 1.
    pub file_position: Option<i64>,
    /// What is wrong with it and what can be done.
    pub reason: String,
    /// The beginning of the record, 4,000 characters at most.
    pub record: String,
}

/// A page of dead letters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadLetters {
    /// By id.
    pub dead_letters: Vec<DeadLetter>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

/// Two coin lists.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TwoLists {
    /// Version of the older list.
    pub(crate) before: u64,
    /// Version of the newer list.
    pub(crate) after: u64,
}

/// Which coin list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneList {
    /// Its version; the newest by default.
    pub(crate) version: Option<u64>,
}

/// How many.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Newest {
    /// How many at most, 1 to 500.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 500)]
    pub(crate) limit: u32,
}
