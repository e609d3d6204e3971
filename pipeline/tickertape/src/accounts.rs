//! `tickertape accounts`: what each account is allowed, how it stands, and what it follows.
//!
//! Asks nothing of Telegram: an account's session is for one process at a time. What the session file says is always
//! there; what the database says only when it can be opened.

use anyhow::{Context, Result};
use serde_json::json;
use sqlx::PgPool;
use tickertape_sinks::postgres::{Database, Target};
use tickertape_telegram::{Account, Session, Standing, system_clock};

use crate::cli::AccountsArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::{db, table};

/// One account, as far as it is known.
struct Known<'a> {
    account: &'a Account,
    session: Result<Session, tickertape_telegram::Error>,
    standing: Option<Standing>,
    /// What it last reported of itself: state, when, why.
    reported: Option<(String, i64, Option<String>)>,
}

pub(crate) async fn run(args: &AccountsArgs) -> Result<()> {
    let config = Config::load(args.account.common.config.as_deref())?;
    let data = DataDir::new(&args.account.common.data);
    let accounts: Vec<&Account> = match &args.account.label {
        Some(label) => vec![config.account(Some(label))?],
        None => config.telegram.accounts.iter().collect(),
    };
    if accounts.is_empty() {
        eprintln!("{}", crate::following::NONE);
        return Ok(());
    }
    let place = db::target(&config, &data)?;
    let made = match &place {
        Target::Embedded { dir } => dir.exists(),
        Target::Server { .. } => true,
    };
    let database = if made {
        Database::open(place)
            .await
            .inspect_err(|error| {
                eprintln!("only what the session files say: the database does not open: {error}")
            })
            .ok()
    } else {
        None
    };
    let mut known = Vec::new();
    for account in accounts {
        known.push(know(account, &data, database.as_ref()).await?);
    }
    if let Some(database) = database {
        database.close().await?;
    }
    if args.json {
        for known in &known {
            crate::print_data(&format!("{}\n", object(known)));
        }
        return Ok(());
    }
    match (&args.account.label, known.first()) {
        (Some(_), Some(one)) => print_chats(one),
        _ => print_accounts(&known),
    }
}

async fn know<'a>(account: &'a Account, data: &DataDir, database: Option<&Database>) -> Result<Known<'a>> {
    let session = Session::open(account.session_file(&data.sessions()));
    let (mut standing, mut state) = (None, None);
    if let Some(database) = database {
        let pool = database.pool();
        standing = Some(Standing::read(pool, account, system_clock()()).await?);
        state = reported(pool, &account.label).await?;
    }
    Ok(Known { account, session, standing, reported: state })
}

async fn reported(pool: &PgPool, label: &str) -> Result<Option<(String, i64, Option<String>)>> {
    sqlx::query_as(
        "SELECT state, extract(epoch FROM reported_at)::bigint, reason FROM client_reports
         WHERE account = $1 AND kind = 'state' ORDER BY reported_at DESC LIMIT 1",
    )
    .bind(label)
    .fetch_optional(pool)
    .await
    .context("cannot read table client_reports")
}

impl Known<'_> {
    fn signed_in(&self) -> String {
        match &self.session {
            Ok(session) if session.is_signed_in() => match session.phone() {
                Some(phone) => phone,
                None if session.is_bot() => "a bot".to_owned(),
                None => "yes".to_owned(),
            },
            Ok(_) => "no".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

fn object(known: &Known<'_>) -> serde_json::Value {
    let (account, session) = (known.account, known.session.as_ref().ok());
    json!({
        "label": account.label,
        "signed_in": session.is_some_and(Session::is_signed_in),
        "user_id": session.and_then(Session::user_id),
        "phone": session.and_then(Session::phone),
        "bot": session.is_some_and(Session::is_bot),
        "state": known.reported.as_ref().map(|(state, ..)| state),
        "reported_at": known.reported.as_ref().map(|(_, at, _)| at),
        "reason": known.reported.as_ref().and_then(|(.., reason)| reason.as_ref()),
        "allowed": {
            "joins_a_day": account.joins_a_day,
            "join_spacing": account.join_spacing,
            "lookups_a_day": account.lookups_a_day,
            "lookup_spacing": account.lookup_spacing,
            "longest_wait": account.longest_wait,
            "answer_gates": account.answer_gates,
        },
        "joins_left": known.standing.as_ref().map(|standing| standing.joins_left),
        "lookups_left": known.standing.as_ref().map(|standing| standing.lookups_left),
        "limited_until": known.standing.as_ref().and_then(|standing| standing.limited_until),
        "chats": known.standing.as_ref().map(|standing| &standing.chats),
    })
}

fn print_accounts(known: &[Known<'_>]) -> Result<()> {
    let header =
        ["account", "signed_in", "state", "chats", "joins_left", "lookups_left", "gates", "limited_until"];
    let rows = known.iter().map(|known| {
        let (account, standing) = (known.account, known.standing.as_ref());
        vec![
            Some(account.label.clone()),
            Some(known.signed_in()),
            known.reported.as_ref().map(|(state, ..)| state.clone()),
            standing.map(|standing| standing.chats.len().to_string()),
            standing.map(|standing| format!("{} of {}", standing.joins_left, account.joins_a_day)),
            standing.map(|standing| format!("{} of {}", standing.lookups_left, account.lookups_a_day)),
            Some(if account.answer_gates { "answered" } else { "left alone" }.to_owned()),
            standing.and_then(|standing| standing.limited_until).map(|until| until.to_string()),
        ]
    });
    table::show(&header, rows)
}

fn print_chats(known: &Known<'_>) -> Result<()> {
    let chats = known.standing.iter().flat_map(|standing| &standing.chats);
    let rows = chats
        .map(|chat| vec![Some(chat.chat_id.to_string()), chat.username.clone(), Some(chat.title.clone())]);
    table::show(&["chat_id", "username", "title"], rows)
}
