//! `tickertape login` and `tickertape logout`.
//!
//! Nothing secret is taken from arguments: what Telegram asks for comes from a file, from the environment, or from the
//! terminal, without an echo where it is secret, and is never shown or logged.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tickertape_telegram::{Account, Connection, Error, Question, Session, sign_in, sign_out, system_clock};

use crate::cli::{AccountArgs, AnswerFiles, LoginArgs};
use crate::config::Config;
use crate::data_dir::DataDir;

/// How often someone at a terminal may mistype a code or a password.
const TRIES: u32 = 3;
/// How long the file with the code may take to come.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn login(args: &LoginArgs) -> Result<()> {
    let (account, session) = opened(&args.account)?;
    let label = &account.label;
    if session.is_signed_in() {
        bail!("{label} is signed in already; `tickertape logout {label}` signs it out");
    }
    let hash = account.api_hash(environment)?;
    let connection = connection(&account, session)?;
    let mut answers = Answers { args, tries: 0 };
    let signed_in = sign_in(&connection, &hash, args.bot, |question| answers.to(&question)).await;
    // The client beneath writes nothing more from here on.
    let closed = connection.close();
    let owner = signed_in.map_err(advised)?;
    closed?;
    let who = owner.phone.unwrap_or_else(|| "a bot".to_owned());
    crate::print_data(&format!("{label}: signed in as {who}, user {}\n", owner.user_id));
    eprintln!(
        "the session is in {}: whoever can read it is the account",
        connection.session().path().display()
    );
    Ok(())
}

pub(crate) async fn logout(args: &AccountArgs) -> Result<()> {
    let (account, session) = opened(args)?;
    let label = &account.label;
    if !session.is_signed_in() {
        bail!("{label} is not signed in");
    }
    let connection = connection(&account, session)?;
    sign_out(&connection).await.map_err(anyhow::Error::from).map_err(advised)?;
    crate::print_data(&format!("{label}: signed out\n"));
    Ok(())
}

/// The account that is meant, and its session.
fn opened(args: &AccountArgs) -> Result<(Account, Session)> {
    let config = Config::load(args.common.config.as_deref())?;
    let account = config.account(args.label.as_deref())?.clone();
    let session = Session::open(account.session_file(&DataDir::new(&args.common.data).sessions()))?;
    Ok((account, session))
}

fn connection(account: &Account, session: Session) -> Result<Connection> {
    let options = account.connection(environment)?;
    Ok(Connection::open(Arc::new(session), options, system_clock()))
}

/// Reads the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// What to do about an error of Telegram's that people meet.
fn advised(error: anyhow::Error) -> anyhow::Error {
    let Some(telegram) = error.downcast_ref::<Error>() else { return error };
    let advice = [
        ("PHONE_NUMBER_INVALID", "write the number with its country's code, as in +491701234567"),
        ("PHONE_NUMBER_BANNED", "Telegram has banned this number"),
        ("PHONE_CODE_EXPIRED", "the code is too old; begin again"),
        ("API_ID_*", "take the API id and hash from https://my.telegram.org"),
        ("ACCESS_TOKEN_*", "take the token from @BotFather"),
    ];
    match advice.into_iter().find(|(name, _)| telegram.is(name)) {
        Some((_, advice)) => error.context(advice),
        None => error,
    }
}

/// Where answers come from.
struct Answers<'a> {
    args: &'a LoginArgs,
    tries: u32,
}

/// One thing that is asked for.
struct Asked<'a> {
    prompt: String,
    variable: &'static str,
    flag: &'static str,
    file: Option<&'a PathBuf>,
    secret: bool,
    /// It comes into being only now, so its file is waited for.
    awaited: bool,
}

impl<'a> Answers<'a> {
    fn to(&mut self, question: &Question) -> Result<String> {
        let again =
            matches!(question, Question::Code { again: true } | Question::Password { again: true, .. });
        let asked = self.asked(question);
        self.tries = if again { self.tries + 1 } else { 0 };
        if again {
            let wrong = format!("{} is wrong", if asked.awaited { "the code" } else { "the password" });
            // What a file or a variable says does not change by asking again.
            if asked.file.is_some() || environment(asked.variable).is_some() || self.tries >= TRIES {
                bail!("{wrong}; begin again with `tickertape login`");
            }
            eprintln!("{wrong}");
        }
        match (asked.file, environment(asked.variable)) {
            (Some(file), _) => read(file, asked.awaited),
            (None, Some(value)) => Ok(value.trim().to_owned()),
            (None, None) => ask(&asked),
        }
    }

    fn asked(&self, question: &Question) -> Asked<'a> {
        let files: &'a AnswerFiles = &self.args.files;
        let (prompt, variable, flag, file, secret, awaited) = match question {
            Question::Phone => (
                "Phone number, with its country's code: ".to_owned(),
                "TELEGRAM_PHONE",
                "--phone-file",
                files.phone_file.as_ref(),
                false,
                false,
            ),
            Question::Code { .. } => (
                "Code that Telegram has sent: ".to_owned(),
                "TELEGRAM_CODE",
                "--code-file",
                files.code_file.as_ref(),
                true,
                true,
            ),
            Question::Password { hint, .. } => (
                match hint {
                    Some(hint) => format!("Password (hint: {}): ", crate::table::escape(hint)),
                    None => "Password: ".to_owned(),
                },
                "TELEGRAM_PASSWORD",
                "--password-file",
                files.password_file.as_ref(),
                true,
                false,
            ),
            Question::BotToken => (
                "Token of the bot: ".to_owned(),
                "TELEGRAM_BOT_TOKEN",
                "--token-file",
                files.token_file.as_ref(),
                true,
                false,
            ),
        };
        Asked { prompt, variable, flag, file, secret, awaited }
    }
}

/// The first line of a file.
fn read(file: &Path, awaited: bool) -> Result<String> {
    let began = Instant::now();
    if awaited {
        eprintln!("waiting for the code in {}", file.display());
    }
    loop {
        let line =
            std::fs::read_to_string(file).map(|text| text.lines().next().unwrap_or("").trim().to_owned());
        match line {
            Ok(line) if !line.is_empty() => return Ok(line),
            _ if awaited && began.elapsed() < PATIENCE => std::thread::sleep(LOOK_EVERY),
            Ok(_) => bail!("{} has nothing on its first line", file.display()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
}

/// Asks at the terminal.
fn ask(asked: &Asked<'_>) -> Result<String> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!("there is no terminal to ask at; name a file with {} or set {}", asked.flag, asked.variable);
    }
    eprint!("{}", asked.prompt);
    std::io::stderr().flush()?;
    let line = if asked.secret {
        console::Term::stderr().read_secure_line()
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    };
    match line.context("the terminal cannot be read")?.trim() {
        "" => bail!("nothing was entered"),
        line => Ok(line.to_owned()),
    }
}
