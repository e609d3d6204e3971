//! What previews are worth, and the language they are in.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::Instant;

use tickertape_coins::CoinList;
use tickertape_manager::Options;
use tickertape_manager::relevance::{Scale, Verdict};
use tickertape_records::{Preview, PreviewMessage};

const ENGLISH: &str = "The market moved quickly this morning and everybody was surprised by how far it went";
const TURKISH: &str = "Bu sabah piyasa hızla hareket etti ve herkes ne kadar gittiğine çok şaşırdı";
const RUSSIAN: &str = "Сегодня утром рынок быстро двинулся, и все удивились тому, как далеко он зашёл";

fn preview(title: &str, about: &str, texts: &[&str]) -> Preview {
    let messages = texts.iter().map(|text| PreviewMessage { text: (*text).into(), ..Default::default() });
    Preview {
        title: title.into(),
        about: Some(about.into()),
        messages: messages.collect(),
        ..Preview::default()
    }
}

fn weigh(preview: &Preview, options: &Options) -> Verdict {
    Scale::new(&CoinList::snapshot(), options).unwrap().weigh(preview, options)
}

#[test]
fn messages_name_and_description_add_up() {
    let options = Options::default();
    let half =
        preview("Morning notes", "Daily", &["$BTC up", "$ETH down", "hello", "good day", "$SOL", "bye"]);
    let verdict = weigh(&half, &options);
    assert_eq!((verdict.score, verdict.relevant), (0.5, true), "{verdict:?}");
    assert!(verdict.reasons.contains(&"3 of 6 messages mention a coin".to_owned()), "{verdict:?}");

    let unread = preview("Bitcoin notes", "All about $ETH", &[]);
    let verdict = weigh(&unread, &options);
    assert_eq!((verdict.score, verdict.relevant), (0.3, true), "{verdict:?}");

    // Two lucky messages prove nothing.
    let lucky = preview("Bakery", "Bread", &["$BTC accepted here", "fresh bread", ""]);
    assert_eq!(weigh(&lucky, &options).score, 0.2);

    let bakery = preview("Bakery", "Bread", &["fresh bread"; 30]);
    let verdict = weigh(&bakery, &options);
    assert!(!verdict.relevant && verdict.score == 0.0, "{verdict:?}");
}

#[test]
fn another_language_is_filtered_and_an_unknown_one_passes() {
    let options = Options { languages: vec!["en".into(), "tr".into()], ..Options::default() };
    for (text, language, relevant) in [(ENGLISH, "en", true), (TURKISH, "tr", true), (RUSSIAN, "ru", false)] {
        let texts = vec![text, "$BTC", "$ETH", "https://t.me/somewhere", "$BTC $SOL"];
        let verdict = weigh(&preview("Bitcoin", "", &texts), &options);
        assert_eq!(
            (verdict.language.as_deref(), verdict.relevant),
            (Some(language), relevant),
            "{verdict:?}"
        );
    }
    let short = weigh(&preview("BTC", "", &["$BTC"; 9]), &options);
    assert_eq!((short.language, short.relevant), (None, true));
    assert!(options.check().is_ok());
    assert!(Options { languages: vec!["xx".into()], ..Options::default() }.check().is_err());
}

/// Prints what weighing costs: `cargo test --release -p tickertape-manager --test relevance -- --nocapture`.
#[test]
fn weighing_a_full_preview_is_measured() {
    let options = Options::default();
    let scale = Scale::new(&CoinList::snapshot(), &options).unwrap();
    let full = preview("Signals", ENGLISH, &[ENGLISH; 50]);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)) / 1024
    };
    let before = resident();
    let first = Instant::now();
    scale.weigh(&full, &options);
    println!("the first preview, models loaded: {:?}, {} MiB more", first.elapsed(), resident() - before);
    let began = Instant::now();
    for _ in 0..200 {
        scale.weigh(&full, &options);
    }
    println!("one preview of 50 messages: {:?}", began.elapsed() / 200);
}
