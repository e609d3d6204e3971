//! Names that look like another's: `binance_officiaI` with a capital i, Cyrillic letters, digits for letters.
//!
//! Two names are look-alikes when their skeletons are equal. A skeleton keeps what an eye sees at a glance: letters
//! without case and accent, each drawn as the Latin letter or digit it resembles, and nothing between them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Channel;

/// Shorter skeletons say nothing: `ai`, `btc`.
const SHORTEST: usize = 5;

/// What an eye sees of a name.
pub(super) fn skeleton(name: &str) -> String {
    let mut skeleton = String::with_capacity(name.len());
    // Capital I, small l and 1 are drawn alike, so all become `l`, before and after lower-casing.
    for character in name.nfkd().filter(|&c| !is_combining_mark(c)) {
        for lower in character.to_lowercase() {
            let seen = resembles(lower);
            if seen.is_alphanumeric() {
                skeleton.push(seen);
            }
        }
    }
    skeleton.replace("rn", "m").replace("vv", "w")
}

/// The Latin letter that it resembles: the pairs of Unicode's confusables that occur in Telegram names.
fn resembles(character: char) -> char {
    match character {
        '0' | 'о' | 'ο' | 'օ' => 'o',
        '1' | 'i' | '|' | 'ı' | 'і' | 'ι' | 'ӏ' | 'ا' => 'l',
        '3' | 'з' | 'е' | 'ё' | 'ε' => 'e',
        '4' | '@' | 'а' | 'α' => 'a',
        '5' | '$' | 'ѕ' => 's',
        '8' | 'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'һ' | 'н' => 'h',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'п' | 'η' => 'n',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'т' | 'τ' => 't',
        'υ' | 'ц' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

/// The skeletons under which a channel is found: of its public name and of its title.
pub(super) fn skeletons(channel: &Channel) -> Vec<String> {
    let names = [channel.username.as_deref().unwrap_or_default(), &channel.title];
    let mut skeletons: Vec<String> =
        names.into_iter().map(skeleton).filter(|skeleton| skeleton.chars().count() >= SHORTEST).collect();
    skeletons.dedup();
    skeletons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (genuine, fake) in [
            ("binance_announcements", "binance_announcernents"),
            ("whale_alert_io", "whaIe_alert_lo"),
            ("Crypto Signals", "Сrурto Sіgnаls"),
            ("bitcoin", "b1tc0in"),
            ("Wazir", "VVazir"),
        ] {
            assert_eq!(skeleton(genuine), skeleton(fake), "{genuine} {fake}");
        }
        assert_ne!(skeleton("crypto_signals"), skeleton("crypto_signs"));
    }
}
