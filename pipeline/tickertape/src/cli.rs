//! The command line: every command and flag, and the help that teaches them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::partitions::Partitions;

/// Port of `db serve`: beside 5432, where a PostgreSQL server of the machine would be.
pub(crate) const SERVE_PORT: u16 = 5433;

/// Telegram messages about crypto, each with its coin.
///
/// Point `run` at a Telegram export; it reads every message, finds the coin it is about, and keeps the result in
/// PostgreSQL and in Parquet files. Nothing needs to be installed or configured first.
#[derive(Debug, Parser)]
#[command(
    name = "tickertape",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        tickertape run ~/Downloads/ChatExport        read an export of Telegram Desktop\n  \
        tickertape explain 'Bitcoin (BTC) vs $ETH'   see why a text has its coin\n  \
        tickertape db query 'SELECT coin_id, count(*) FROM messages GROUP BY 1 ORDER BY 2 DESC'\n\n\
        Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some input could not be read (it is named);\n\
        130 interrupted (run again to go on where it stopped)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Write more of what happens to standard error; twice for debugging. RUST_LOG is obeyed too.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How logs are written to standard error.
    #[arg(long, global = true, value_enum, env = "TICKERTAPE_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read exports, attribute every message, store the result, and say what came of it.
    ///
    /// Can be stopped or killed at any moment and run again: it goes on where it was, and nothing is lost or
    /// stored twice. Running it again on the same input adds nothing.
    Run(RunArgs),
    /// Run everything in one process until stopped: the accounts, attribution, both sinks and the manager, and read
    /// exports meanwhile.
    Up(UpArgs),
    /// Read exports onto the log and end; the other roles do the rest.
    Import(ImportArgs),
    /// Give messages their coin until stopped: a role of its own, for a log that several processes share.
    #[command(after_help = SHARING)]
    Attribute(RoleArgs),
    /// Store what is on the log until stopped: a role of its own, for a log that several processes share.
    Sink(SinkArgs),
    /// Decide which account follows which channel until stopped: one process does, others wait to take over.
    Manage(RoleArgs),
    /// Follow the accounts until stopped: a role of its own. One account is followed by one process; others wait.
    Telegram(TelegramArgs),
    /// Sign an account in.
    ///
    /// Telegram sends a code, and may ask for the password of the second factor. Each is asked for at the terminal, or
    /// taken from a file or from the environment: TELEGRAM_PHONE, TELEGRAM_CODE, TELEGRAM_PASSWORD,
    /// TELEGRAM_BOT_TOKEN. TELEGRAM_API_ID and TELEGRAM_API_HASH, from https://my.telegram.org, are always needed.
    Login(LoginArgs),
    /// Sign an account out and remove its session.
    Logout(AccountArgs),
    /// Print what each account is allowed and how it stands; of one that is named, the chats it is in.
    Accounts(AccountsArgs),
    /// Show the mentions in a text, the counts, the verdict and why.
    Explain(ExplainArgs),
    /// Look into the database that `run` fills.
    Db(DbArgs),
    /// Move the log.
    Log(LogArgs),
    /// Have the cluster itself say what each message mentions.
    #[command(name = "smartmodule")]
    SmartModule(SmartModuleArgs),
    /// Say which channels are followed: list, approve, add, remove.
    ///
    /// Wishes are kept until a manager looks at them, and overrule its rules. With the embedded database, `up` must
    /// not run at the same time: use its HTTP API then.
    Channels(ChannelsArgs),
    /// Look at the coin lists, and refresh the one in force from CoinGecko.
    Coins(CoinsArgs),
    /// Check what is configured, reachable and writable, and say how to mend what is not.
    Doctor(Common),
    /// Print the configuration file with every key, its default and what it means.
    DefaultConfig,
    /// Print completions for a shell.
    #[command(
        after_help = "Example: tickertape completions bash > ~/.local/share/bash-completion/completions/tickertape"
    )]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// What most commands take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Where everything is kept: log, database, archive. Made when it is not there.
    #[arg(long, value_name = "DIR", env = "TICKERTAPE_DATA", default_value = "./tickertape-data")]
    pub(crate) data: PathBuf,
    /// Coin list to use: a CoinGecko /coins/markets answer (JSON). Default: the list that came with the program.
    #[arg(long, value_name = "FILE")]
    pub(crate) coins: Option<PathBuf>,
    /// Configuration file (TOML); `tickertape default-config` prints one.
    #[arg(long, value_name = "FILE", env = "TICKERTAPE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Exports to read: files, folders, globs, or - for standard input. Telegram Desktop's result.json and
    /// Telethon JSONL dumps, plain or gzip; recognised by content. None: finish what an earlier run left.
    #[arg(value_name = "PATHS")]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Exports to read, as for `run`.
    #[arg(value_name = "PATHS", required = true)]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Exports to read meanwhile, as for `run`.
    #[arg(value_name = "PATHS")]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) first: FirstArgs,
    #[command(flatten)]
    pub(crate) role: RoleArgs,
}

/// How much history is read of a chat that was never followed before.
#[derive(Debug, Clone, Args)]
pub(crate) struct FirstArgs {
    /// Nothing posted before this day (UTC), as in 2026-01-31. Default: the whole history.
    #[arg(long, value_name = "DATE", env = "TICKERTAPE_SINCE", value_parser = day)]
    pub(crate) since: Option<i64>,
    /// At most so many of its newest messages.
    #[arg(long, value_name = "COUNT", env = "TICKERTAPE_LIMIT")]
    pub(crate) limit: Option<u32>,
}

/// The first second of a day.
fn day(text: &str) -> Result<i64, String> {
    let date: chrono::NaiveDate =
        text.parse().map_err(|_| "a date is written as in 2026-01-31".to_owned())?;
    Ok(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

#[derive(Debug, Args)]
pub(crate) struct TelegramArgs {
    #[command(flatten)]
    pub(crate) first: FirstArgs,
    /// Answer over HTTP on this address, as in 127.0.0.1:9464: health, metrics and the API. One that other machines
    /// can reach demands the bearer token in TICKERTAPE_HTTP_TOKEN.
    #[arg(long, value_name = "HOST:PORT", env = "TICKERTAPE_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    /// Which account; may be left out when there is only one.
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Sign in as a bot, by its token. A bot sees only the chats that it was added to.
    #[arg(long)]
    pub(crate) bot: bool,
    #[command(flatten)]
    pub(crate) files: AnswerFiles,
}

/// Files with what Telegram asks for, on their first line.
#[derive(Debug, Args)]
pub(crate) struct AnswerFiles {
    /// File with the phone number.
    #[arg(long, value_name = "FILE")]
    pub(crate) phone_file: Option<PathBuf>,
    /// File with the code; waited for, up to five minutes, because the code is sent only now.
    #[arg(long, value_name = "FILE")]
    pub(crate) code_file: Option<PathBuf>,
    /// File with the password of the second factor.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with the token of a bot.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Print one JSON object a line, with all that is known.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every role takes.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// Partitions to take, as in 0-3,7. Default: those that are free, in equal shares with every process of this role.
    #[arg(long, value_name = "LIST", env = "TICKERTAPE_PARTITIONS")]
    pub(crate) partitions: Option<Partitions>,
    /// Answer over HTTP on this address, as in 127.0.0.1:9464: health, metrics and the API. One that other machines
    /// can reach demands the bearer token in TICKERTAPE_HTTP_TOKEN.
    #[arg(long, value_name = "HOST:PORT", env = "TICKERTAPE_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct SinkArgs {
    #[command(subcommand)]
    pub(crate) command: SinkCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SinkCommand {
    /// Into PostgreSQL.
    #[command(after_help = SHARING)]
    Postgres(RoleArgs),
    /// Into Parquet files.
    #[command(after_help = SHARING)]
    Parquet(RoleArgs),
}

/// How several processes of one role come to terms.
const SHARING: &str = "Start it again, here or on another machine, to share the work; kill one and the others go on \
    with its partitions within seconds. This takes the engine fluvio and a PostgreSQL server, which holds the leases.";

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The text.
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    pub(crate) text: Option<String>,
    /// Read lines {"key":…, "text":…} from standard input; write a line with the coin for each to standard output.
    #[arg(long)]
    pub(crate) jsonl: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    pub(crate) command: LogCommand,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Copy the embedded log to the Fluvio cluster of [fluvio], and have database and archive go on from there.
    ///
    /// Nothing else may run meanwhile. Killed or failed, it can be run again.
    Copy,
}

#[derive(Debug, Args)]
pub(crate) struct SmartModuleArgs {
    #[command(subcommand)]
    pub(crate) command: SmartModuleCommand,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SmartModuleCommand {
    /// Load a SmartModule into the Fluvio cluster of [fluvio], in place of one of the same name.
    Install {
        /// The wasm, as `make smartmodule` builds it; its name without the ending is the SmartModule's.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Print where the database is, without its password.
    Url,
    /// Run one query and print its rows: aligned on a terminal, tab-separated in a pipe.
    Query {
        /// The SQL.
        sql: String,
    },
    /// Keep the embedded database open so that psql or any client can use it, until interrupted.
    Serve {
        /// Port on 127.0.0.1; it takes one connection at a time.
        #[arg(long, default_value_t = SERVE_PORT)]
        port: u16,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CoinsArgs {
    #[command(subcommand)]
    pub(crate) command: CoinsCommand,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CoinsCommand {
    /// Print the coins of the list in force, or of an earlier one.
    List {
        /// Its version; the newest by default.
        version: Option<u64>,
    },
    /// Ask CoinGecko now. What it answers is taken or refused with a reason; refused, the exit code is 1.
    Refresh,
    /// Print what changed from one list to another.
    Diff {
        /// Version of the older list.
        before: u64,
        /// Version of the newer list.
        after: u64,
    },
    /// Print what came of the latest refreshes, newest first.
    History {
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ChannelsArgs {
    #[command(subcommand)]
    pub(crate) command: ChannelsCommand,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A channel is a link in any form, @name, or a chat id behind `--`.
#[derive(Debug, Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Print every channel with its state and why.
    List {
        /// Only those in this state; may be given several times.
        #[arg(long)]
        state: Vec<String>,
    },
    /// Print the channels that are relevant and wait for approval, with score and reasons.
    Pending,
    /// Print all that is known of a channel, and its way from state to state.
    Show {
        /// Which channel.
        channel: String,
    },
    /// Follow channels.
    Add {
        /// Which channels.
        #[arg(required = true)]
        channels: Vec<String>,
    },
    /// Follow channels no longer.
    Remove {
        /// Which channels.
        #[arg(required = true)]
        channels: Vec<String>,
    },
    /// Follow channels that were found.
    Approve {
        /// Which channels.
        #[arg(required = true)]
        channels: Vec<String>,
    },
    /// Do not follow channels that were found.
    Reject {
        /// Which channels.
        #[arg(required = true)]
        channels: Vec<String>,
    },
    /// Follow the channels of a file: one a line, # begins a comment.
    Import {
        /// The file, or - for standard input.
        file: PathBuf,
    },
}
