//! Reading a text at one place: word boundaries, sentence starts, capitals and scripts.
//!
//! A boundary is judged on Unicode letters and digits. Scripts written without spaces (Han, Kana, Thai and their
//! like) have no boundaries of their own, and a change between them and a spaced script is one: 买BTC吧 holds BTC.

/// What a character does to the word beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Neither letter nor digit: a boundary.
    Gap,
    /// The underscore, which joins.
    Underscore,
    /// A letter or digit of a script that puts spaces between words.
    Spaced,
    /// A letter of a script that does not.
    Unspaced,
    /// A letter of Korean, which puts spaces before words but hangs its particles on them.
    Hangul,
}

const ASCII: [Class; 128] = {
    let mut table = [Class::Gap; 128];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = Class::Spaced;
        }
        byte += 1;
    }
    table[b'_' as usize] = Class::Underscore;
    table
};

/// The class of a character.
pub(crate) fn class(c: char) -> Class {
    match c {
        '\0'..='\x7F' => ASCII[c as usize],
        // Letters in circles and squares are emoji to those who write them; U+02BC stands for an apostrophe.
        '\u{2460}'..='\u{24FF}' | '\u{2776}'..='\u{2793}' | '\u{1F100}'..='\u{1F1FF}' => Class::Gap,
        '\u{02B9}'..='\u{02BF}' => Class::Gap,
        // The Arabic stretch, by which an article is set off: الـBTC.
        '\u{0640}' => Class::Gap,
        '\u{0E00}'..='\u{0FFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' => unspaced(c),
        '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30FF}' => unspaced(c),
        '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' => unspaced(c),
        '\u{FF66}'..='\u{FF9F}' | '\u{20000}'..='\u{3FFFF}' => unspaced(c),
        '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}' => Class::Hangul,
        _ if c.is_alphanumeric() => Class::Spaced,
        _ => Class::Gap,
    }
}

fn unspaced(c: char) -> Class {
    if c.is_alphanumeric() { Class::Unspaced } else { Class::Gap }
}

/// The class of the character that ends before byte `at`; the text's edge is a gap.
pub(crate) fn class_before(text: &str, at: usize) -> Class {
    match at.checked_sub(1).map(|last| text.as_bytes()[last]) {
        None => Class::Gap,
        Some(byte) if byte.is_ascii() => ASCII[usize::from(byte)],
        Some(_) => text[..at].chars().next_back().map_or(Class::Gap, class),
    }
}

/// The class of the character that begins at byte `at`; the text's edge is a gap.
pub(crate) fn class_after(text: &str, at: usize) -> Class {
    match text.as_bytes().get(at) {
        None => Class::Gap,
        Some(byte) if byte.is_ascii() => ASCII[usize::from(*byte)],
        Some(_) => text[at..].chars().next().map_or(Class::Gap, class),
    }
}

/// Whether a word that begins with a character of class `edge` goes on to its left.
pub(crate) fn joined_left(before: Class, edge: Class) -> bool {
    match before {
        Class::Gap => false,
        Class::Underscore => true,
        Class::Unspaced => false,
        Class::Spaced => edge == Class::Spaced,
        Class::Hangul => edge == Class::Hangul,
    }
}

/// Whether a word that ends with a character of class `edge` goes on to its right.
pub(crate) fn joined_right(edge: Class, after: Class) -> bool {
    match after {
        Class::Gap | Class::Unspaced | Class::Hangul => false,
        Class::Underscore => true,
        Class::Spaced => edge == Class::Spaced,
    }
}

/// Whether a word that begins at `at` opens a sentence: nothing but marks and spaces before it, back to the text's
/// beginning, a line's, or a full stop.
pub(crate) fn opens_sentence(text: &str, at: usize) -> bool {
    for c in text[..at].chars().rev() {
        match c {
            '\n' | '\r' | '.' | '!' | '?' | '…' | '。' | '！' | '？' | '।' | '؟' => return true,
            ',' | ';' | ':' | '/' | '&' | '+' | '@' | '%' | '،' => return false,
            _ if class(c) != Class::Gap => return false,
            _ => {}
        }
    }
    true
}

/// Whether the word that ends at `end` is followed by another capitalised one: in a headline capitals say nothing.
pub(crate) fn in_title(text: &str, end: usize) -> bool {
    text[end..].strip_prefix(' ').and_then(|rest| rest.chars().next()).is_some_and(char::is_uppercase)
}

/// Whether every word of `form` begins with a capital.
pub(crate) fn is_capitalised(form: &str) -> bool {
    let mut words = form.split(|c: char| class(c) != Class::Spaced).filter(|word| !word.is_empty());
    words.all(|word| !word.starts_with(char::is_lowercase))
}

/// Whether `form` has capitals and no small letter.
pub(crate) fn is_upper(form: &str) -> bool {
    if form.is_ascii() {
        return form.bytes().any(|b| b.is_ascii_uppercase()) && !form.bytes().any(|b| b.is_ascii_lowercase());
    }
    form.chars().any(char::is_uppercase) && !form.chars().any(char::is_lowercase)
}

/// What a text as a whole looks like, apart from its links, its names of coins and single letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// More capitals than small letters.
    pub(crate) in_capitals: bool,
    /// More letters of other scripts than Latin ones.
    pub(crate) beyond_latin: bool,
}

/// Looks at a text; `is_coin` tells which words to leave out because their capitals say nothing.
pub(crate) fn look(text: &str, is_coin: impl Fn(&str) -> bool) -> Look {
    let (mut upper, mut lower, mut latin, mut other) = (0_usize, 0_usize, 0_usize, 0_usize);
    for token in text.split_whitespace() {
        if token.contains("://") || token.contains("t.me/") || token.starts_with('@') {
            continue;
        }
        for word in token.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            if word.is_ascii() && (word.len() == 1 || is_coin(word)) {
                continue;
            }
            for c in word.chars() {
                upper += usize::from(c.is_uppercase());
                lower += usize::from(c.is_lowercase());
                if c < '\u{0250}' { latin += 1 } else { other += 1 }
            }
        }
    }
    Look { in_capitals: upper > lower, beyond_latin: other > latin }
}
