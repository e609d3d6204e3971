//! Gate questions: what a group's bot asks of whoever has just joined, and the answer. Pure.
//!
//! Two kinds are answered: "press the button if you are human", and a sum in digits or words. Everything else is left
//! alone, for the same words come with phishing: a message with a link, a web app or a payment on any button, or one
//! that speaks of money, wallets or gifts, is no gate whatever else it says. In doubt it is no gate.

/// A message that may be a gate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// Its text.
    pub text: String,
    /// Written by a bot.
    pub from_bot: bool,
    /// It names the account, or replies to its joining.
    pub to_us: bool,
    /// The text holds a link.
    pub has_link: bool,
    /// Its buttons, from left to right and top to bottom.
    pub buttons: Vec<GateButton>,
}

/// A button of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateButton {
    /// Its caption.
    pub text: String,
    /// What the bot is told when it is pressed; none for a button that opens a link, pays, signs in, …
    pub data: Option<Vec<u8>>,
}

/// The answer to a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Press this button, by its place.
    Press(usize),
    /// Send this.
    Say(String),
}

/// Words that no honest gate needs.
const NO_GATE: [&str; 37] = [
    "airdrop",
    "air drop",
    "claim",
    "wallet",
    "seed",
    "phrase",
    "private key",
    "deposit",
    "withdraw",
    "payment",
    "pay ",
    "invest",
    "bonus",
    "reward",
    "prize",
    "gift",
    "free ",
    "usdt",
    "btc",
    "eth",
    "dollar",
    "$",
    "€",
    "metamask",
    "stake",
    "staking",
    "presale",
    "whitelist",
    "mint",
    "password",
    "login",
    "log in",
    "code ",
    "subscribe",
    "follow ",
    "share ",
    "connect",
];

/// What a gate says it is for.
const PROVES: [&str; 18] = [
    "human",
    "robot",
    "not a bot",
    "bot check",
    "captcha",
    "verify",
    "verification",
    "unmute",
    "to speak",
    "to talk",
    "to write",
    "to chat",
    "спам",
    "человек",
    "робот",
    "не бот",
    "капч",
    "insan",
];

/// Captions of the button that says so.
const I_AM: [&str; 16] = [
    "i'm human",
    "i am human",
    "im human",
    "i'm a human",
    "i am a human",
    "i'm not a robot",
    "i am not a robot",
    "i'm not a bot",
    "i am not a bot",
    "not a robot",
    "not a bot",
    "human",
    "unmute me",
    "verify",
    "я не робот",
    "я человек",
];

/// The answer, or none when this is not a gate for sure.
pub fn recognise(question: &Question) -> Option<Answer> {
    let text = question.text.to_lowercase();
    let captions: Vec<String> = question.buttons.iter().map(|button| plain(&button.text)).collect();
    let suspicious = |text: &str| NO_GATE.iter().any(|word| text.contains(word));
    if !question.from_bot
        || !question.to_us
        || question.has_link
        || text.contains("://")
        || text.chars().count() > 1000
        || question.buttons.iter().any(|button| button.data.is_none())
        || suspicious(&text)
        || captions.iter().any(|caption| suspicious(caption))
    {
        return None;
    }
    let proves = PROVES.iter().any(|word| text.contains(word));
    if let Some(sum) = sum(&text) {
        return answer_sum(sum, proves || asks(&text), &captions);
    }
    let mut presses = captions.iter().enumerate().filter(|(_, caption)| I_AM.contains(&caption.as_str()));
    match (presses.next(), presses.next()) {
        (Some((at, _)), None) if proves => Some(Answer::Press(at)),
        _ => None,
    }
}

fn answer_sum(sum: i64, asked: bool, captions: &[String]) -> Option<Answer> {
    if !asked {
        return None;
    }
    if captions.is_empty() {
        return Some(Answer::Say(sum.to_string()));
    }
    let mut right = captions.iter().enumerate().filter(|(_, caption)| number(caption) == Some(sum));
    match (right.next(), right.next()) {
        (Some((at, _)), None) => Some(Answer::Press(at)),
        _ => None,
    }
}

/// Lower case, without what decorates a caption.
fn plain(caption: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '-' | '$' | '€');
    let lower = caption.to_lowercase().replace('’', "'");
    lower.split(|c: char| !kept(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether it asks for the result of something.
fn asks(text: &str) -> bool {
    ["= ?", "=?", "how much is", "what is", "what's", "solve", "answer", "result", "сколько будет", "реши"]
        .iter()
        .any(|word| text.contains(word))
}

/// The only sum of a text; none when there is none, more than one, or it is longer than `a op b`.
fn sum(text: &str) -> Option<i64> {
    let tokens = tokens(text);
    let mut found = None;
    for at in 0..tokens.len() {
        let Some((a, op, b, end)) = term(&tokens, at) else { continue };
        let chained = matches!(tokens.get(end), Some(Token::Operator(_)))
            || at > 0 && matches!(tokens[at - 1], Token::Operator(_));
        if chained || found.is_some() {
            return None;
        }
        found = Some(match op {
            '+' => a.checked_add(b)?,
            '-' => a.checked_sub(b)?,
            '*' => a.checked_mul(b)?,
            _ => (b != 0 && a % b == 0).then(|| a / b)?,
        });
    }
    found
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Number(i64),
    Operator(char),
    Word,
}

fn term(tokens: &[Token], at: usize) -> Option<(i64, char, i64, usize)> {
    match tokens.get(at..at + 3)? {
        [Token::Number(a), Token::Operator(op), Token::Number(b)] => Some((*a, *op, *b, at + 3)),
        _ => None,
    }
}

/// Numbers and operators of a text in lower case; everything else is a word.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphanumeric() {
            rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, behind) = rest.split_at(length);
        rest = behind;
        match (word, first) {
            (_, '+' | '➕') | ("plus" | "плюс" | "artı", _) => tokens.push(Token::Operator('+')),
            (_, '-' | '−' | '–' | '➖') | ("minus" | "минус" | "eksi", _) => {
                tokens.push(Token::Operator('-'))
            }
            (_, '*' | '×' | '✖' | '·') | ("times" | "x" | "х", _) => tokens.push(Token::Operator('*')),
            (_, '÷' | '/' | '➗') => tokens.push(Token::Operator('/')),
            // "multiplied by", "divided by": the word before has said it.
            ("multiplied", _) => tokens.push(Token::Operator('*')),
            ("divided", _) => tokens.push(Token::Operator('/')),
            ("by", _) if matches!(tokens.last(), Some(Token::Operator('*' | '/'))) => {}
            _ if first.is_whitespace() || first == '\u{fe0f}' => {}
            _ => match number(word) {
                Some(units @ 1..=9) if follows_tens(&tokens, word) => {
                    if let Some(Token::Number(tens)) = tokens.last_mut() {
                        *tens += units;
                    }
                }
                Some(value) => tokens.push(Token::Number(value)),
                None => tokens.push(Token::Word),
            },
        }
    }
    // `twenty-one` is a number and no difference.
    let mut at = 0;
    while at + 2 < tokens.len() {
        if let [Token::Number(tens), Token::Operator('-'), Token::Number(units)] = tokens[at..at + 3]
            && text.contains(&format!("{}-{}", word_of(tens), word_of(units)))
            && tens >= 20
            && tens % 10 == 0
            && (1..10).contains(&units)
        {
            tokens.splice(at..at + 3, [Token::Number(tens + units)]);
        }
        at += 1;
    }
    tokens
}

fn follows_tens(tokens: &[Token], word: &str) -> bool {
    let tens =
        matches!(tokens.last(), Some(Token::Number(tens)) if *tens >= 20 && *tens < 100 && *tens % 10 == 0);
    tens && word.chars().all(char::is_alphabetic)
}

const WORDS: [(&str, i64); 28] = [
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

fn word_of(value: i64) -> &'static str {
    WORDS.iter().find(|(_, number)| *number == value).map_or("\u{0}", |(word, _)| word)
}

/// A number in digits or in words.
fn number(text: &str) -> Option<i64> {
    if let Some((_, value)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let (digits, sign) = text.strip_prefix('-').map_or((text, 1), |digits| (digits, -1));
    if (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.parse::<i64>().ok().map(|value| sign * value);
    }
    if let Some((tens, units)) = text.split_once([' ', '-']) {
        let (tens, units) = (number(tens)?, number(units)?);
        let joined =
            tens >= 20 && tens % 10 == 0 && (1..10).contains(&units) && !text.contains(char::is_numeric);
        return joined.then_some(tens + units);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, captions: &[&str]) -> Question {
        let buttons = captions
            .iter()
            .map(|caption| GateButton {
                text: (*caption).to_owned(),
                data: Some(caption.as_bytes().to_vec()),
            })
            .collect();
        Question { text: text.to_owned(), from_bot: true, to_us: true, has_link: false, buttons }
    }

    fn say(number: i64) -> Option<Answer> {
        Some(Answer::Say(number.to_string()))
    }

    #[test]
    fn sums_in_digits_and_words() {
        let cases = [
            ("Welcome! Solve: 3 + 4 = ?", 7),
            ("Please verify that you are human: 12-5=?", 7),
            ("What is seven minus two?", 5),
            ("What is twenty-one plus four?", 25),
            ("What is twenty one plus four?", 25),
            ("How much is 6 × 7 ?", 42),
            ("captcha: nine times three", 27),
            ("answer this to speak: 8 ÷ 2", 4),
            ("what's 40 divided by 8", 5),
            ("Сколько будет 2 плюс 2?", 4),
            ("solve 3 - 5", -2),
        ];
        for (text, sum) in cases {
            assert_eq!(recognise(&asked(text, &[])), say(sum), "{text}");
        }
    }

    #[test]
    fn the_button_with_the_right_number_is_pressed() {
        let text = "Are you a robot? 3 + 4 = ?";
        assert_eq!(recognise(&asked(text, &["5", "7", "9"])), Some(Answer::Press(1)));
        assert_eq!(recognise(&asked(text, &["five", "✅ Seven"])), Some(Answer::Press(1)));
        assert_eq!(recognise(&asked("captcha: seven minus nine", &["2", "-2"])), Some(Answer::Press(1)));
        assert_eq!(recognise(&asked(text, &["5", "9"])), None, "none is right");
        assert_eq!(recognise(&asked(text, &["7", "seven"])), None, "two are right");
    }

    #[test]
    fn the_button_that_says_human_is_pressed() {
        let cases = [
            ("Welcome, press the button to prove you're human.", vec!["I'm human"], 0),
            ("Click to unmute yourself", vec!["🔓 Unmute me 🔓"], 0),
            ("Please complete the captcha", vec!["I am a bot", "I’m not a bot ✅"], 1),
            ("Нажмите кнопку, если вы человек", vec!["Я не робот"], 0),
        ];
        for (text, captions, at) in cases {
            assert_eq!(recognise(&asked(text, &captions)), Some(Answer::Press(at)), "{text}");
        }
    }

    #[test]
    fn what_is_no_gate_is_left_alone() {
        let cases: [(&str, &[&str]); 26] = [
            ("Press to claim your airdrop!", &["Verify"]),
            ("Verify your wallet to continue", &["Verify"]),
            ("Verify you are human to get free tokens", &["I'm human"]),
            ("Prove you're human", &["Connect"]),
            ("Prove you're human", &["Claim 100 USDT", "I'm human"]),
            ("Deposit 3 + 4 = ? SOL", &[]),
            ("Captcha: send 5 $ + 3 $", &[]),
            ("You are human, see https://example.org/verify", &["Verify"]),
            ("Price went 3 - 4 percent today", &[]),
            ("Score 3-4, what a match", &[]),
            ("Open 24/7", &[]),
            ("On 2024-11-25 we list", &[]),
            ("what is 1 + 2 + 3?", &[]),
            ("what is 1 + 2, or 3 + 4?", &[]),
            ("what is 7 / 2?", &[]),
            ("what is 7 / 0?", &[]),
            ("what is 99999999999 + 1?", &[]),
            ("Welcome to the group! Read the rules.", &["Rules"]),
            ("Welcome! Are you human?", &["Yes", "No"]),
            ("Poll: is the market human?", &["Bullish", "Bearish"]),
            ("Please verify", &["Verify", "Verify"]),
            ("Enter the password to verify", &["Verify"]),
            ("Confirm the login code to verify", &["Verify"]),
            ("Subscribe to our channel to verify", &["Verify"]),
            ("", &["I'm human"]),
            ("", &[]),
        ];
        for (text, captions) in cases {
            assert_eq!(recognise(&asked(text, captions)), None, "{text} {captions:?}");
        }
    }

    #[test]
    fn who_asks_and_whom_matters_and_so_does_every_button() {
        let gate = asked("Prove that you are human", &["I'm human"]);
        assert_eq!(recognise(&gate), Some(Answer::Press(0)));
        assert_eq!(recognise(&Question { from_bot: false, ..gate.clone() }), None);
        assert_eq!(recognise(&Question { to_us: false, ..gate.clone() }), None);
        assert_eq!(recognise(&Question { has_link: true, ..gate.clone() }), None);
        let mut opens_a_link = gate.clone();
        opens_a_link.buttons.push(GateButton { text: "Rules".to_owned(), data: None });
        assert_eq!(recognise(&opens_a_link), None);
        let mut only_a_link = gate;
        only_a_link.buttons[0].data = None;
        assert_eq!(recognise(&only_a_link), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in ".*", captions in proptest::collection::vec(".*", 0..4)) {
            let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
            let _ = recognise(&asked(&text, &captions));
        }
    }
}
