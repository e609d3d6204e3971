//! What is measured with: the real messages of the volume set where they are, generated ones where not.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use tickertape_attribution::{Matcher, Options, Tally, Verdict};
use tickertape_coins::{CoinList, Rules};
use tickertape_records::{
    Attribution, Basis, Entity, Media, MentionCount, Message, SCHEMA, Source, SourceKind, peer,
};

/// A path below the folder of real messages; none where it is absent.
pub(crate) fn shared(below: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("TICKERTAPE_SHARED")?).join(below);
    path.exists().then_some(path)
}

/// The matcher that users get.
pub(crate) fn matcher() -> Matcher {
    Matcher::new(&CoinList::snapshot(), &Rules::builtin(), Options::default())
        .expect("the checked-in list makes a matcher")
}

/// Every message of the volume set, chat by chat in the order of its ids; nothing where it is absent.
pub(crate) fn volume() -> impl Iterator<Item = Message> {
    let mut dumps: Vec<PathBuf> = shared("data/telegram/volume")
        .and_then(|folder| Some(fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect()))
        .unwrap_or_default();
    dumps.sort();
    dumps.into_iter().flat_map(|dump| {
        let name = dump.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reader = MultiGzDecoder::new(BufReader::new(File::open(dump).expect("a listed dump opens")));
        let lines = BufReader::new(reader).lines().map_while(io::Result::ok);
        (1..).zip(lines).filter_map(move |(position, line)| telethon(&line, &name, position))
    })
}

/// So many messages, real ones as far as there are.
pub(crate) fn messages(count: usize) -> Vec<Message> {
    let mut messages: Vec<_> = volume().take(count).collect();
    messages.extend((messages.len() as i64..count as i64).map(generated));
    messages
}

/// The values of `count` attributed records, and whether they are of real messages.
pub(crate) fn attributed(count: usize) -> (Vec<Vec<u8>>, bool) {
    let matcher = matcher();
    let mut tally = Tally::new(&matcher);
    let mut record = |(offset, message): (u64, Message)| {
        let (mut plain, mut value) = (Vec::new(), Vec::new());
        message.encode_into(&mut plain);
        outcome(&matcher, &mut tally, &message.text, offset).encode_onto(&plain, &mut value);
        value
    };
    let real: Vec<_> = (0..).zip(volume()).take(count).map(&mut record).collect();
    if !real.is_empty() {
        return (real, true);
    }
    ((0..).zip((0..count as i64).map(generated)).map(record).collect(), false)
}

/// The fields that make up most of a message; good enough to measure by, no import.
fn telethon(line: &str, file: &str, position: u64) -> Option<Message> {
    let dump: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| dump[name].as_i64();
    let entity = |entity: &Value| Entity {
        kind: entity["_"].as_str().unwrap_or_default().trim_start_matches("MessageEntity").to_lowercase(),
        offset: entity["offset"].as_u64().unwrap_or_default() as u32,
        length: entity["length"].as_u64().unwrap_or_default() as u32,
        url: entity["url"].as_str().map(str::to_owned),
        ..Entity::default()
    };
    Some(Message {
        schema: SCHEMA,
        chat_id: peer::channel(dump["peer_id"]["channel_id"].as_i64()?),
        message_id: number("id")?,
        date: date(&dump["date"])?,
        edit_date: date(&dump["edit_date"]),
        text: dump["message"].as_str()?.to_owned(),
        entities: dump["entities"].as_array().into_iter().flatten().map(entity).collect(),
        reply_to_message_id: dump["reply_to"]["reply_to_msg_id"].as_i64(),
        views: number("views"),
        forwards: number("forwards"),
        media: dump["media"]["_"].as_str().map(|kind| Media { kind: kind.to_owned(), ..Media::default() }),
        post: dump["post"] == true,
        source: Source { kind: SourceKind::Telethon, name: file.to_owned(), position: Some(position) },
        received_at: Some(1_700_000_000),
        ..Message::default()
    })
}

/// `2017-10-12T09:29:36+00:00` as Unix seconds.
fn date(value: &Value) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?.timestamp())
}

fn outcome(matcher: &Matcher, tally: &mut Tally, text: &str, input_offset: u64) -> Attribution {
    let mut mentions = Vec::new();
    matcher.mentions(text, &mut mentions);
    let (coin_id, basis) = match tally.count(&mentions) {
        Verdict::Direct(coin) => (Some(matcher.coin_id(coin).to_owned()), Basis::Direct),
        Verdict::Tie => (None, Basis::Tie),
        Verdict::None => (None, Basis::None),
    };
    let mention = |count: &tickertape_attribution::CoinCount| MentionCount {
        coin_id: matcher.coin_id(count.coin).to_owned(),
        count: count.count,
        kinds: count.kinds().map(|kind| kind.name().into()).collect(),
    };
    let mentions = tally.counts().iter().map(mention).collect();
    Attribution { coin_id, basis, mentions, coin_list_version: 1, input_offset, ..Attribution::default() }
}

/// A message for where there are no real ones.
pub(crate) fn generated(n: i64) -> Message {
    let words = ["btc", "to", "the", "moon", "sell", "#eth", "now", "группа", "hold", "signal", "🚀", "soon"];
    let text: Vec<_> =
        (0..8 + n % 23).map(|word| words[((n * 31 + word * word * 7) % 12) as usize]).collect();
    Message {
        schema: SCHEMA,
        chat_id: peer::channel(1_000_000_000 + n / 2_000),
        message_id: n % 2_000,
        date: 1_500_000_000 + n % 2_000 * 50_000,
        text: text.join(" "),
        views: Some(n * 7_919 % 10_007),
        post: true,
        received_at: Some(1_700_000_000),
        ..Message::default()
    }
}
