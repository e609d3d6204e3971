//! The rules one by one, on invented texts: what counts, what does not, and what the rules leave open.

mod common;

use std::sync::LazyLock;

use common::{ids, matcher};
use tickertape_attribution::{BareTickers, Kind, Matcher, Options, Tally, Verdict};
use tickertape_coins::Rules;

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| {
    matcher(&[
        ("bitcoin", "btc", "Bitcoin"),
        ("ethereum", "eth", "Ethereum"),
        ("binancecoin", "bnb", "Binance Coin"),
        ("solana", "sol", "Solana"),
        ("cardano", "ada", "Cardano"),
        ("ripple", "xrp", "XRP"),
        ("polkadot", "dot", "Polkadot"),
        ("dogecoin", "doge", "Dogecoin"),
        ("shiba-inu", "shib", "Shiba Inu"),
        ("crypto-com-chain", "cro", "Crypto.com Coin"),
        ("chainlink", "link", "Chainlink"),
        ("bitcoin-cash", "bch", "Bitcoin Cash"),
        ("stellar", "xlm", "Stellar"),
        ("cosmos", "atom", "Cosmos"),
        ("ethereum-classic", "etc", "Ethereum Classic"),
        ("near", "near", "Near"),
        ("the-graph", "grt", "The Graph"),
        ("terra-luna", "luna", "Terra"),
        ("1inch", "1inch", "1inch"),
        ("harmony", "one", "Harmony"),
        ("memecore", "m", "MemeCore"),
        ("kucoin-shares", "kcs", "KuCoin"),
    ])
});

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(ids(&MATCHER, text), *expected, "{text:?}: {:#?}", MATCHER.explain(text));
    }
}

#[test]
fn cashtags() {
    check(&[
        ("$BTC $btc $Btc", "bitcoin bitcoin bitcoin"),
        ("$1INCH and $Cardano", "1inch cardano"),
        ("$$BTC", "bitcoin"),
        ("US$LINK", ""), // the sign belongs to the letters before it, and LINK …
        ("a US$LINK trade", "chainlink"), // … counts by its capitals where the text has others
        ("US$BTC", "bitcoin"), // as a bare ticker
        ("$LINK$DOT", "chainlink polkadot"),
        ("＄BTC ＃LINK", "bitcoin chainlink"), // full width
        ("$btc_x $BTCX $BTC2", ""),
        ("$M and $m, but M and m not", "memecore memecore"),
    ]);
}

#[test]
fn hashtags() {
    check(&[
        ("#link #Link #LINK", "chainlink chainlink chainlink"),
        ("#BitcoinCash #bitcoin_cash #BITCOIN_CASH", "bitcoin-cash bitcoin-cash bitcoin-cash"),
        ("#CryptoComCoin #crypto_com_coin", "crypto-com-chain crypto-com-chain"),
        ("#bitcoin_news #BTC_update", ""),
        ("#биткоин #БИТКОИН", "bitcoin bitcoin"),
        ("#биткоин_новости", ""),
        ("#BTC#ETH", "bitcoin ethereum"),
        ("#thegraph", "the-graph"),
    ]);
}

#[test]
fn pairs_count_their_base_alone() {
    check(&[
        ("BTCUSDT btcusdt #BtcUsdt $ETHBTC", "bitcoin bitcoin bitcoin ethereum"),
        ("near/usdt LINK-BTC one_usdt", "near chainlink harmony"),
        ("BTC/USDT, BTC / USDT, BTC /USDT, BTC/ USDT", "bitcoin bitcoin bitcoin bitcoin"),
        ("#BTC_USDT and BTC_USDT", "bitcoin bitcoin"),
        (
            "XBTUSD XBTZ19 ADAU20 ADA-0326 ADA/Z19 BTCUSDT_210326",
            "bitcoin bitcoin cardano cardano cardano bitcoin",
        ),
        ("BTCUSDT.P and BTCUSDTPERP, ETH-27DEC24", "bitcoin bitcoin ethereum"),
        ("1000SHIBUSDT, 1000SHIB/USDT", "shiba-inu shiba-inu"),
        ("Bitcoin/USDT and IOTA/Ethereum", "bitcoin ethereum"),
        ("MUSDT and M/USDT, not MUST nor M/W", "memecore memecore"),
        ("linkusdt, linked, links", "chainlink"),
    ]);
}

#[test]
fn quotes_do_not_count() {
    check(&[
        ("XYZ/BTC XYZ / BTC xyz/btc #XYZ/BTC XYZ_BTC XYZ-BTC #xyz-BTC", ""),
        ("XYZBTC #xyzeth", ""),
        ("anti-BTC and non-ETH", "bitcoin ethereum"), // a hyphen joins words, too
        ("BTC-XYZ on the list", ""),
        ("BTC-ETF, BTC-based, ETH-Update, Bitcoin-ETF", "bitcoin bitcoin ethereum bitcoin"),
        ("DAI/BTC", ""),
        ("USD/BTC and USDT-BTC and KRW-ETH", "bitcoin bitcoin ethereum"), // nobody prices dollars in coins
        ("USDT-ADA, BTC-DOT, USDT_SOL, ETH_LINK", "cardano polkadot solana chainlink"),
        ("BTC/ADA", "cardano"),
        ("ADA/BTC/USDT", "cardano"),
        ("Bitcoin Cash-BTC, Bitcoin Cash / BTC", "bitcoin-cash bitcoin-cash"),
    ]);
}

#[test]
fn lists_count_each() {
    check(&[
        ("btc/eth/xrp", "bitcoin ethereum ripple"),
        ("BTC / ETH / XRP", "bitcoin ethereum ripple"),
        ("btc/ltc/eos/bch", "bitcoin bitcoin-cash"),
        ("ETH/SOL", "ethereum solana"),
        ("Bitcoin/BTC, #DOT / $DOT", "bitcoin bitcoin polkadot polkadot"),
        ("BTC|ETH, BTC+ETH, BTC & ETH", "bitcoin ethereum bitcoin ethereum bitcoin ethereum"),
        ("0.05 btc/day", "bitcoin"),
        ("BTC - USDT", "bitcoin"),
    ]);
}

#[test]
fn names_at_word_boundaries() {
    check(&[
        ("bitcoin BITCOIN Bitcoins Bitcoin's Bitcoin’s Bitcoin-backed", &["bitcoin"; 6].join(" ")),
        ("Bitcoinist bitcoiners prebitcoin bitcoin_x", ""),
        ("Bitcoin Cash, Bitcoin-Cash, BitcoinCash", "bitcoin-cash bitcoin-cash bitcoin-cash"),
        ("bitcoin cashed in", "bitcoin"), // the longer name does not hide the shorter
        ("Crypto.com Coin is the coin, Crypto.com is not", "crypto-com-chain"),
        ("Bitcoin Gold, Bitcoin SV and TerraUSD are others", ""),
        ("KuCoin lists KCS", "kucoin-shares"), // the name is the company's
        ("BİTCOİN, bıtcoın, BITCOIN'İN", "bitcoin bitcoin bitcoin"),
        ("SHIBA INU / Shiba Inus", "shiba-inu shiba-inu"),
    ]);
}

#[test]
fn boundaries_are_those_of_unicode() {
    check(&[
        ("买BTC吧", "bitcoin"),
        ("比特币和以太坊，BTC比特币", "bitcoin ethereum bitcoin bitcoin"),
        ("比特币现金不是比特币", "bitcoin-cash bitcoin"),
        ("비트코인은 오르고 이더리움도", "bitcoin ethereum"),
        ("업비트코인 상장", ""), // Upbit's coins, not bitcoin
        ("BTC는 좋다", "bitcoin"),
        ("ビットコインが上がる、BTCも", "bitcoin bitcoin"),
        ("ซื้อBTCวันนี้ บิทคอยน์", "bitcoin bitcoin"),
        ("éBTC BTCé ßBTC BTCя", ""),
        ("BTC-шка и BTC'ye", "bitcoin bitcoin"),
        ("🚀BTC🚀 1️⃣BTC ✅BTC️ 🅰️BTC", "bitcoin bitcoin bitcoin bitcoin"),
        ("\u{200b}BTC\u{200d} \u{feff}ETH", "bitcoin ethereum"),
        ("0.5BTC 100ETH", ""), // a digit goes on
        ("الـBTC اليوم", "bitcoin"),
        ("𝐁BTC", ""),
    ]);
}

#[test]
fn aliases_in_many_scripts() {
    check(&[
        ("Биткоину тяжело, битка ждут, биткойнов мало", "bitcoin bitcoin bitcoin"),
        ("биткоинер и битком набито", ""),
        ("Эфир подрос, эфириум тоже; прямой эфир в 20:00", "ethereum ethereum"),
        ("біткоїн і ефіріум", "bitcoin ethereum"),
        ("بیت‌کوین، بیت کوین و بیتکوین", "bitcoin bitcoin bitcoin"),
        ("سعر البيتكوين والإيثيريوم", "bitcoin ethereum"),
        ("बिटकॉइन और इथेरियम", "bitcoin ethereum"),
        ("ביטקוין עולה", "bitcoin"),
        ("ether, ETHER, ethers but not ethernet", "ethereum ethereum ethereum"),
        ("bitcoini aldım, bitcoinden çıktım", "bitcoin bitcoin"),
        ("Ripple and ripples", "ripple ripple"),
    ]);
}

#[test]
fn nothing_counts_inside_links_and_addresses() {
    check(&[
        ("https://example.com/BTC/ETH?coin=SOL#ADA", ""),
        ("http://bitcoin.example www.bitcoin.example bitcoin.org/en", ""),
        ("bitcoin.org, ethereum.org. BITCOIN.COM", ""),
        ("t.me/bitcoin telegram.me/btc tg://resolve?domain=btc", ""),
        ("@bitcoin @btc", ""),
        ("eth@example.org me@bitcoin.org some.eth@mail.example.org", ""),
        ("vitalik.eth", ""),
        ("bit.ly/BTC (https://example.com/ETH)", ""),
        ("[BTC](https://example.com/ETH)", "bitcoin"),
        ("BTC:https://example.com/ETH", "bitcoin"),
        ("see https://example.com/ETH🚀BTC", "bitcoin"), // emoji end a link
        ("https://example.com，BTC", "bitcoin"),
        ("BTC.D BTC.Next stop BTC...ETH", "bitcoin bitcoin bitcoin ethereum"),
        ("how to buy..ETH...? Get ETH.Info", "ethereum ethereum"),
        ("BTC@9000, ETH @ 200", "bitcoin ethereum"),
        ("0xBTC5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ""),
        ("Crypto.com Coin", "crypto-com-chain"),
    ]);
}

#[test]
fn ambiguous_tickers_need_capitals() {
    check(&[
        ("the link is near the dot, etc", ""),
        ("my LINK is up, and so is ADA", "chainlink cardano"),
        ("Sol and Ada went for a walk", ""),
        ("BUY NOW THE LINK IS DOWN DOT COM", ""),
        ("BUY NOW THE LINK IS DOWN, $LINK", "chainlink chainlink"),
        ("LINK 25.3", "chainlink"), // nothing else to compare its capitals with
        ("ONE more, the big ONE, M", ""),
        ("#one $one ONE/USDT", "harmony harmony harmony"),
        ("TIDAK ADA STOK, kata admin grup", ""),
        ("JOIN LINK below, use this LINK", ""),
    ]);
}

#[test]
fn ambiguous_names_need_a_capital_inside_a_sentence() {
    check(&[
        ("Stellar results. Near the top\nTerra firma", ""),
        ("we like Stellar and Cosmos", "stellar cosmos"),
        ("a stellar month, a cosmos of stars", ""),
        ("Stellar is up. Its $XLM, that stellar coin", "stellar stellar stellar"),
        ("$NEAR is near the top", "near"), // an everyday word stays one
        ("Near leads, says #NEAR", "near near"),
        ("The Graph raises money", "the-graph"), // the second capital is no sentence's
        ("the graph shows it", ""),
        ("Stellar. Цель почти достигнута", "stellar"),
        ("🔥 Terra", ""),
    ]);
}

#[test]
fn options_for_bare_tickers() {
    let list =
        common::list(&[("bitcoin", "btc", "Bitcoin"), ("ripple", "xrp", "XRP"), ("solana", "sol", "Solana")]);
    let text = "btc BTC Bitcoin $btc btc/usdt xrp SOL";
    let found = |bare_tickers| {
        ids(&Matcher::new(&list, &Rules::builtin(), Options { bare_tickers }).expect("builds"), text)
    };
    assert_eq!(found(BareTickers::Any), "bitcoin bitcoin bitcoin bitcoin bitcoin ripple solana");
    assert_eq!(found(BareTickers::Uppercase), "bitcoin bitcoin bitcoin bitcoin ripple solana");
    assert_eq!(found(BareTickers::Off), "bitcoin bitcoin bitcoin ripple"); // here the name is XRP
}

#[test]
fn odd_coins_neither_crash_nor_flood() {
    let matcher = matcher(&[
        ("bitcoin", "btc", "Bitcoin"),
        ("figr_heloc", "figr_heloc", "Figure Heloc"),
        ("bnb-life", "币安人生", "币安人生"),
        ("nameless", "", ""),
        ("m", "m", "M"),
        ("u", "u", "U"),
        ("hundred", "100", "100"),
        ("dollar-sign", "$ads", "Alkimi \u{200b}"),
        ("second-btc", "btc", "Another Bitcoin"),
        ("brackets", "(x)", "."),
    ]);
    for (text, expected) in [
        ("I am in for a $100 bill, u and m", ""),
        ("$figr_heloc #FigureHeloc", "figr_heloc figr_heloc"),
        ("买币安人生吧", "bnb-life"),
        ("$U #m", "u m"),
        ("$ADS and ads", "dollar-sign dollar-sign"),
        ("$BTC", "bitcoin"),
    ] {
        assert_eq!(ids(&matcher, text), expected, "{text:?}: {:#?}", matcher.explain(text));
    }
}

#[test]
fn a_coin_that_enters_tomorrow_is_judged_by_its_words() {
    let matcher =
        matcher(&[("win", "win", "Winner"), ("lantern", "lntrn", "Lantern"), ("quux", "quux", "Quux")]);
    assert_eq!(ids(&matcher, "we win big, the winner takes all"), "");
    assert_eq!(ids(&matcher, "quux and $WIN and lntrn"), "quux win lantern");
}

#[test]
fn mentions_say_where_they_stand_and_in_which_form() {
    let text = "so $BTC, #ETH, SOLUSDT, Bitcoins, xlm, ether";
    let mut mentions = Vec::new();
    MATCHER.mentions(text, &mut mentions);
    let seen: Vec<(&str, Kind)> = mentions.iter().map(|m| (&text[m.start..m.end], m.kind)).collect();
    let expected = [
        ("$BTC", Kind::Cashtag),
        ("#ETH", Kind::Hashtag),
        ("SOL", Kind::Pair),
        ("Bitcoins", Kind::Name),
        ("xlm", Kind::Ticker),
        ("ether", Kind::Alias),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn explain_says_why_not() {
    let reason = |text: &str, word: &str| {
        let at = text.find(word).expect("in the text");
        let candidates = MATCHER.explain(text);
        let found = candidates.iter().find(|c| c.start <= at && at < c.end);
        found.map(|c| (c.counted, c.reason)).unwrap_or_else(|| panic!("{word} is no candidate in {text:?}"))
    };
    assert_eq!(reason("a $BTC", "BTC"), (true, "a tag"));
    assert_eq!(reason("XYZ/BTC", "BTC"), (false, "the quote of a pair"));
    assert_eq!(reason("https://example.com/?coin=btc", "btc"), (false, "inside a link"));
    assert_eq!(reason("bitcoiners", "bitcoin"), (false, "the word goes on"));
    assert_eq!(reason("the link", "link"), (false, "an ordinary word, and not in capitals"));
    assert_eq!(
        reason("Stellar results", "Stellar"),
        (false, "an ordinary word, and nothing else speaks for the coin")
    );
    assert_eq!(reason("btc_bot", "btc"), (false, "joined by an underscore"));
}

#[test]
fn the_coin_with_most_mentions_wins_and_ties_win_nothing() {
    let mut mentions = Vec::new();
    let mut tally = Tally::new(&MATCHER);
    let mut verdict = |text: &str| {
        MATCHER.mentions(text, &mut mentions);
        let verdict = tally.count(&mentions);
        (verdict, tally.counts().iter().map(|c| (c.coin, c.count)).collect::<Vec<_>>())
    };
    assert_eq!(verdict("eth btc btc"), (Verdict::Direct(0), vec![(0, 2), (1, 1)]));
    assert_eq!(verdict("xrp eth"), (Verdict::Tie, vec![(1, 1), (5, 1)]));
    assert_eq!(verdict("xrp eth btc eth xrp"), (Verdict::Tie, vec![(1, 2), (5, 2), (0, 1)]));
    assert_eq!(verdict("gm"), (Verdict::None, vec![]));
    assert_eq!(verdict("eth"), (Verdict::Direct(1), vec![(1, 1)])); // nothing is left of the texts before
}
