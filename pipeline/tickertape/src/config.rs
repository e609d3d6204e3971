//! Configuration: the embedded defaults, a file over them, the environment over both.
//!
//! `default-config.toml` is the one place for defaults and their documentation; `tickertape default-config` prints
//! it, and a key that is not in it does not exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tickertape_attribution::{BareTickers, Options, chain::ChainConfig};
use tickertape_broker::{Retention, fluvio};
use tickertape_coingecko::Key;
use tickertape_telegram::Account;
use toml::{Table, Value};

use crate::data_dir::DataDir;

/// Every key with its default and what it means.
pub(crate) const DEFAULTS: &str = include_str!("default-config.toml");
const ENVIRONMENT_PREFIX: &str = "TICKERTAPE";

/// The configuration in force. Fields are described in `default-config.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) coins: Coins,
    pub(crate) attribution: Attribution,
    pub(crate) log: Log,
    fluvio: fluvio::Options,
    pub(crate) database: Database,
    pub(crate) telegram: Telegram,
    /// The manager's rules, without how texts are matched: see [`Config::manager`].
    pub(crate) manager: tickertape_manager::Options,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coins {
    file: String,
    pub(crate) size: usize,
    pub(crate) refresh_hours: u64,
    pub(crate) monthly_calls: u64,
    demo_key_file: String,
    pro_key_file: String,
    pub(crate) url: String,
}

impl Coins {
    /// CoinGecko's key, a secret: a paid plan's before a demo plan's, the environment before a file.
    pub(crate) fn key(&self) -> Result<Key> {
        let pro = secret("COINGECKO_PRO_API_KEY", "coins.pro_key_file", &self.pro_key_file)?;
        let demo = secret("COINGECKO_DEMO_API_KEY", "coins.demo_key_file", &self.demo_key_file)?;
        Ok(pro.map(Key::Pro).or_else(|| demo.map(Key::Demo)).unwrap_or(Key::None))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribution {
    bare_tickers: String,
    parent_days: u32,
    parents: usize,
    checkpoints: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    engine: String,
    pub(crate) partitions: u32,
    retention_days: u64,
    retention_mib: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    url_file: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telegram {
    pub(crate) accounts: Vec<Account>,
}

/// What keeps the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// This process, on the local disk.
    Embedded,
    /// A Fluvio cluster.
    Fluvio,
}

impl Config {
    /// The defaults, `file` over them, the environment over both.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let mut merged: Table = DEFAULTS.parse().expect("the embedded defaults are valid, a test says so");
        if let Some(path) = file {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
            let given: Table =
                text.parse().with_context(|| format!("{} is not a TOML file", path.display()))?;
            overlay(&mut merged, given)
                .with_context(|| format!("in the configuration file {}", path.display()))?;
        }
        overlay_environment(&mut merged, |name| std::env::var(name).ok())?;
        name_accounts(&mut merged);
        let config: Self = merged.try_into().context("the configuration does not fit")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if !(1..=1024).contains(&self.log.partitions) {
            bail!("log.partitions is {}; it must be 1 to 1024", self.log.partitions);
        }
        if !(1..=1000).contains(&self.coins.size) {
            bail!("coins.size is {}; it must be 1 to 1000", self.coins.size);
        }
        self.engine()?;
        self.manager()?.check()?;
        let mut labels = BTreeSet::new();
        for account in &self.telegram.accounts {
            account.check()?;
            if !labels.insert(&account.label) {
                bail!("there are two accounts {:?}; each needs a label of its own", account.label);
            }
        }
        Ok(())
    }

    /// The account with this label; without one, the only account there is.
    pub(crate) fn account(&self, label: Option<&str>) -> Result<&Account> {
        let accounts = &self.telegram.accounts;
        let labels = || accounts.iter().map(|account| account.label.as_str()).collect::<Vec<_>>().join(", ");
        match (label, accounts.as_slice()) {
            (_, []) => bail!("{}", crate::following::NONE),
            (None, [only]) => Ok(only),
            (None, _) => bail!("which account? There are {}", labels()),
            (Some(label), _) => accounts
                .iter()
                .find(|account| account.label == label)
                .with_context(|| format!("there is no account {label:?}; there are {}", labels())),
        }
    }

    /// The manager's rules.
    pub(crate) fn manager(&self) -> Result<tickertape_manager::Options> {
        Ok(tickertape_manager::Options { matching: self.matching()?, ..self.manager.clone() })
    }

    /// The file to take the coin list from, when not the checked-in one.
    pub(crate) fn coins_file(&self) -> Option<PathBuf> {
        (!self.coins.file.is_empty()).then(|| PathBuf::from(&self.coins.file))
    }

    /// How texts are matched.
    pub(crate) fn matching(&self) -> Result<Options> {
        let bare_tickers = match self.attribution.bare_tickers.as_str() {
            "any" => BareTickers::Any,
            "uppercase" => BareTickers::Uppercase,
            "off" => BareTickers::Off,
            other => {
                bail!("attribution.bare_tickers is {other:?}; it must be \"any\", \"uppercase\" or \"off\"")
            }
        };
        Ok(Options { bare_tickers })
    }

    /// Which engine keeps the log.
    pub(crate) fn engine(&self) -> Result<Engine> {
        match self.log.engine.as_str() {
            "embedded" => Ok(Engine::Embedded),
            "fluvio" => Ok(Engine::Fluvio),
            other => bail!("log.engine is {other:?}; it must be \"embedded\" or \"fluvio\""),
        }
    }

    /// The cluster and how it is talked to. In the file, "" is what is not said.
    pub(crate) fn fluvio(&self) -> fluvio::Options {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        fluvio::Options {
            endpoint: said(&self.fluvio.endpoint),
            profile: said(&self.fluvio.profile),
            ..self.fluvio.clone()
        }
    }

    /// Where attribution keeps its checkpoints.
    pub(crate) fn checkpoints(&self, data: &DataDir) -> PathBuf {
        match self.attribution.checkpoints.as_str() {
            "" => data.checkpoints(),
            directory => PathBuf::from(directory),
        }
    }

    /// How parents are remembered.
    pub(crate) fn chain(&self) -> ChainConfig {
        ChainConfig {
            ttl_seconds: i64::from(self.attribution.parent_days) * 86_400,
            max_entries: self.attribution.parents,
        }
    }

    /// What the log may delete.
    pub(crate) fn retention(&self) -> Retention {
        let days = self.log.retention_days;
        Retention {
            age: (days > 0).then(|| std::time::Duration::from_secs(days.saturating_mul(86_400))),
            bytes: (self.log.retention_mib > 0).then(|| self.log.retention_mib.saturating_mul(1 << 20)),
        }
    }

    /// The server's URL, a secret; none for the embedded database.
    pub(crate) fn database_url(&self) -> Result<Option<String>> {
        if let Ok(url) = std::env::var("DATABASE_URL")
            && !url.is_empty()
        {
            return Ok(Some(url));
        }
        let file = &self.database.url_file;
        if file.is_empty() {
            return Ok(None);
        }
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read database.url_file, which is {file}"))?;
        match text.lines().next().map(str::trim) {
            Some(url) if !url.is_empty() => Ok(Some(url.to_owned())),
            _ => bail!("database.url_file, which is {file}, has no URL on its first line"),
        }
    }
}

/// A secret from the environment, or else from the first line of a file; none when neither is named.
fn secret(variable: &str, key: &str, file: &str) -> Result<Option<String>> {
    if let Ok(secret) = std::env::var(variable)
        && !secret.trim().is_empty()
    {
        return Ok(Some(secret.trim().to_owned()));
    }
    if file.is_empty() {
        return Ok(None);
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {key}, which is {file}"))?;
    match text.lines().next().map(str::trim) {
        Some(secret) if !secret.is_empty() => Ok(Some(secret.to_owned())),
        _ => bail!("{key}, which is {file}, has nothing on its first line"),
    }
}

/// A label alone is an account: the environment can say no more.
fn name_accounts(config: &mut Table) {
    let accounts = config.get_mut("telegram").and_then(|section| section.get_mut("accounts"));
    for account in accounts.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(label) = account {
            *account = Value::Table(Table::from_iter([("label".to_owned(), Value::String(label.clone()))]));
        }
    }
}

/// Puts `given` over `base`; only keys that `base` knows.
fn overlay(base: &mut Table, given: Table) -> Result<()> {
    for (section, keys) in given {
        let Some(Value::Table(known)) = base.get_mut(&section) else {
            bail!("there is no section [{section}]; `tickertape default-config` shows every key");
        };
        let Value::Table(keys) = keys else {
            bail!("[{section}] is a section, not a key");
        };
        for (key, value) in keys {
            if known.insert(key.clone(), value).is_none() {
                bail!("there is no key {section}.{key}; `tickertape default-config` shows every key");
            }
        }
    }
    Ok(())
}

/// Puts the environment over every key of `base`, read as the type that the key has.
fn overlay_environment(base: &mut Table, lookup: impl Fn(&str) -> Option<String>) -> Result<()> {
    for (section, keys) in base.iter_mut() {
        let Value::Table(keys) = keys else { continue };
        for (key, value) in keys.iter_mut() {
            let name = format!("{ENVIRONMENT_PREFIX}_{section}_{key}").to_uppercase();
            let Some(text) = lookup(&name) else { continue };
            *value = match value {
                Value::Integer(_) => Value::Integer(
                    text.parse().with_context(|| format!("{name} is {text:?}; it must be a whole number"))?,
                ),
                Value::Float(_) => Value::Float(
                    text.parse().with_context(|| format!("{name} is {text:?}; it must be a number"))?,
                ),
                Value::Array(_) => {
                    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
                }
                _ => Value::String(text),
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Table {
        DEFAULTS.parse().expect("valid TOML")
    }

    #[test]
    fn the_embedded_defaults_make_a_configuration() {
        let config: Config = defaults().try_into().expect("fits");
        config.check().expect("passes its own checks");
        assert_eq!(config.fluvio(), fluvio::Options::default(), "the file and the engine say the same");
    }

    #[test]
    fn the_manager_has_the_same_defaults_as_its_crate() {
        let config: Config = defaults().try_into().expect("fits");
        assert_eq!(config.manager, tickertape_manager::Options::default());
    }

    #[test]
    fn a_file_changes_what_it_names_and_a_wrong_key_is_named() {
        let mut table = defaults();
        overlay(&mut table, "[coins]\nsize = 10".parse().expect("TOML")).expect("known key");
        let config: Config = table.clone().try_into().expect("fits");
        assert_eq!((config.coins.size, config.log.partitions), (10, 1));

        let error = overlay(&mut table, "[coins]\nsizes = 10".parse().expect("TOML")).expect_err("refused");
        assert!(error.to_string().contains("coins.sizes"), "{error}");
    }

    #[test]
    fn accounts_are_tables_or_labels_and_each_has_its_own() {
        let read = |text: &str| -> Result<Config> {
            let mut table = defaults();
            overlay(&mut table, text.parse().expect("TOML"))?;
            name_accounts(&mut table);
            let config: Config = table.try_into()?;
            config.check()?;
            Ok(config)
        };
        let config =
            read("[[telegram.accounts]]\nlabel = \"alpha\"\njoins_a_day = 5\n[[telegram.accounts]]\nlabel = \"beta\"")
                .expect("fits");
        let allowed: Vec<_> = config.telegram.accounts.iter().map(|account| account.joins_a_day).collect();
        assert_eq!(allowed, [5, 20]);
        assert_eq!(config.account(Some("beta")).expect("is there").label, "beta");
        let error = config.account(None).expect_err("two of them").to_string();
        assert!(error.contains("alpha, beta"), "{error}");
        assert_eq!(
            read("[telegram]\naccounts = [\"alpha\"]").expect("fits").account(None).expect("one").label,
            "alpha"
        );
        for wrong in [
            "[telegram]\naccounts = [\"alpha\", \"alpha\"]",
            "[telegram]\naccounts = [\"../alpha\"]",
            "[[telegram.accounts]]\njoins_a_day = 5",
            "[[telegram.accounts]]\nlabel = \"alpha\"\napi_hash = \"a secret\"",
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(!format!("{error:#}").contains("a secret"), "{error:#}");
        }
        assert!(defaults_config().account(None).is_err());
    }

    fn defaults_config() -> Config {
        defaults().try_into().expect("fits")
    }

    #[test]
    fn every_key_can_be_set_by_environment() {
        let mut table = defaults();
        overlay_environment(&mut table, |name| {
            let word = [
                "FILE",
                "TICKERS",
                "APPROVE",
                "WHEN_INACTIVE",
                "CHANNELS",
                "ACCOUNTS",
                "LANGUAGES",
                "ENGINE",
                "CHECKPOINTS",
                "ENDPOINT",
                "PROFILE",
                "COMPRESSION",
                "COINS_URL",
            ];
            Some(if word.iter().any(|end| name.ends_with(end)) { "x" } else { "7" }.to_owned())
        })
        .expect("reads");
        let values = table.values().flat_map(|keys| keys.as_table().into_iter().flat_map(Table::values));
        for value in values {
            let set = match value {
                Value::Integer(number) => *number == 7,
                Value::Float(number) => *number == 7.0,
                Value::Array(parts) => parts.len() == 1 && parts[0].as_str() == Some("x"),
                value => value.as_str() == Some("x"),
            };
            assert!(set, "{value:?}");
        }
        let error = overlay_environment(&mut table, |_| Some("many".into())).expect_err("not a number");
        assert!(error.to_string().contains("TICKERTAPE_"), "{error}");
    }
}
