//! Messages that nobody wrote: the same ones every time, in many scripts, with every form of mention, and broken ones.

use serde_json::json;
use tickertape_coins::CoinList;

const WORDS: &[&str] = &[
    "buy",
    "now",
    "the",
    "price",
    "of",
    "рост",
    "цена",
    "купил",
    "比特币",
    "以太坊",
    "上涨",
    "비트코인",
    "이더리움",
    "ارتفاع",
    "سعر",
    "بيتكوين",
    "yükseliş",
    "fiyat",
    "compra",
    "preço",
    "Kurs",
    "giá",
    "🚀",
    "\u{200d}",
    "\n",
    "\t",
    "https://t.me/bitcoin",
    "@ethereum",
    "mail@btc.com",
    "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599",
    "биткоин",
    "эфира",
    "near",
    "link",
    "one",
    "M",
    "U",
    "e\u{301}",
    "ﬁ",
    "İ",
    "\u{0}",
    "\"",
    "\\",
    "½",
    "１",
    "ΒΤＣ",
];

/// A generator of numbers; no more is asked of it than to be the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// `count` values of records, about one in fifteen of them broken.
pub fn generate(count: usize) -> Vec<Vec<u8>> {
    let coins = CoinList::snapshot().coins;
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    (0..count)
        .map(|i| {
            let mut text = String::new();
            for _ in 0..numbers.below(24) {
                let coin = &coins[numbers.below(coins.len())];
                let symbol = coin.symbol.to_uppercase();
                match numbers.below(12) {
                    0 => text.push_str(&format!("${symbol}")),
                    1 => text.push_str(&format!("#{}", coin.name.replace(' ', "_"))),
                    2 => text.push_str(&format!("{symbol}/USDT")),
                    3 => text.push_str(&coin.name),
                    4 => text.push_str(&symbol),
                    5 => text.push_str(&coin.symbol),
                    6 => text.push_str(&format!("{}'s", coin.name)),
                    _ => text.push_str(WORDS[numbers.below(WORDS.len())]),
                }
                text.push_str([" ", "", ", ", ". ", "_"][numbers.below(5)]);
            }
            let record = json!({"schema": 1, "chat_id": -1_001_000_000_000_i64 - i as i64, "message_id": i, "date": 1_600_000_000, "text": text, "views": i});
            damage(record.to_string().into_bytes(), numbers.below(75))
        })
        .collect()
}

/// Five of the seventy-five kinds of fate are harm.
fn damage(mut value: Vec<u8>, fate: usize) -> Vec<u8> {
    match fate {
        0 => value.truncate(value.len() / 2),
        1 => value = br#"{"schema":1,"chat_id":"five"}"#.to_vec(),
        2 => value = br#"{"schema":7,"chat_id":1,"message_id":1,"date":1,"text":""}"#.to_vec(),
        3 => value = vec![0xff, 0xfe, b'{', b'}'],
        4 => value.clear(),
        _ => {}
    }
    value
}
