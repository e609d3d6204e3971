//! An account as the configuration describes it: who it is, where its secrets are, what it may do.
//!
//! Secrets never stand in the configuration, only the names of the environment variables or files that hold them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::budget::Allowance;
use crate::connection::ConnectionOptions;

/// One `[[telegram.accounts]]` of the configuration. Every field but `label` has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Account {
    /// Its name in this program: lower-case letters, digits, `-` and `_`. In records, tables and file names.
    pub label: String,
    /// The session file; empty is `sessions/<label>.session` in the data directory.
    pub session: String,
    /// Environment variable that holds the application's id, from <https://my.telegram.org>.
    pub api_id_env: String,
    /// File that holds it, when not the environment.
    pub api_id_file: String,
    /// Environment variable that holds the application's hash.
    pub api_hash_env: String,
    /// File that holds it, when not the environment.
    pub api_hash_file: String,
    /// Environment variable that holds a SOCKS5 proxy, `socks5://user:password@host:port`; empty is none.
    pub proxy_env: String,
    /// What the account's owner sees in the list of devices.
    pub device_model: String,
    /// As above: the operating system; empty is this machine's.
    pub system_version: String,
    /// As above: the version; empty is this program's.
    pub app_version: String,
    /// Chats it may join a day, UTC.
    pub joins_a_day: u32,
    /// Seconds between two joins.
    pub join_spacing: u32,
    /// Names and links it may look up a day, UTC.
    pub lookups_a_day: u32,
    /// Seconds between two look-ups.
    pub lookup_spacing: u32,
    /// Seconds of a flood wait that are waited for in place; a longer one is reported, and what it holds up fails.
    pub longest_wait: u32,
    /// Whether it answers the gate questions of groups that it has just joined.
    pub answer_gates: bool,
}

impl Default for Account {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            label: String::new(),
            session: String::new(),
            api_id_env: text("TELEGRAM_API_ID"),
            api_id_file: String::new(),
            api_hash_env: text("TELEGRAM_API_HASH"),
            api_hash_file: String::new(),
            proxy_env: String::new(),
            device_model: text("tickertape"),
            system_version: String::new(),
            app_version: String::new(),
            joins_a_day: 20,
            join_spacing: 180,
            lookups_a_day: 100,
            lookup_spacing: 20,
            longest_wait: 60,
            answer_gates: false,
        }
    }
}

/// What is wrong with an account's configuration, and where.
#[derive(Debug, thiserror::Error)]
#[error("account {label:?}: {reason}")]
pub struct AccountError {
    label: String,
    reason: String,
}

impl Account {
    /// Checks what can be checked without secrets.
    pub fn check(&self) -> Result<(), AccountError> {
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.label.is_empty() || self.label.len() > 32 || !self.label.chars().all(valid) {
            return Err(self.wrong("a label is 1 to 32 lower-case letters, digits, - and _"));
        }
        Ok(())
    }

    /// The session file; `folder` is where those lie that are named nowhere.
    pub fn session_file(&self, folder: &Path) -> PathBuf {
        if self.session.is_empty() {
            folder.join(format!("{}.session", self.label))
        } else {
            PathBuf::from(&self.session)
        }
    }

    /// The application's id. `lookup` reads the environment.
    pub fn api_id(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<i32, AccountError> {
        let text = self.secret("the API id", &self.api_id_file, &self.api_id_env, lookup)?;
        text.parse().map_err(|_| self.wrong("the API id is not a number; see https://my.telegram.org"))
    }

    /// The application's hash, a secret: only signing in needs it.
    pub fn api_hash(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, AccountError> {
        self.secret("the API hash", &self.api_hash_file, &self.api_hash_env, lookup)
    }

    /// How it connects.
    pub fn connection(
        &self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<ConnectionOptions, AccountError> {
        let mut options = ConnectionOptions::new(self.api_id(&lookup)?);
        options.device_model.clone_from(&self.device_model);
        if !self.system_version.is_empty() {
            options.system_version.clone_from(&self.system_version);
        }
        if !self.app_version.is_empty() {
            options.app_version.clone_from(&self.app_version);
        }
        if !self.proxy_env.is_empty() {
            let proxy =
                lookup(&self.proxy_env).filter(|proxy| proxy.starts_with("socks5://")).ok_or_else(|| {
                    self.wrong(&format!("{} must hold a proxy, socks5://host:port", self.proxy_env))
                })?;
            options.proxy = Some(proxy);
        }
        options.longest_wait = Duration::from_secs(u64::from(self.longest_wait));
        options.updates_capacity = NonZeroUsize::new(10_000).expect("not zero");
        Ok(options)
    }

    /// Joins.
    pub fn joins(&self) -> Allowance {
        Allowance { a_day: self.joins_a_day, spacing: self.join_spacing }
    }

    /// Look-ups.
    pub fn lookups(&self) -> Allowance {
        Allowance { a_day: self.lookups_a_day, spacing: self.lookup_spacing }
    }

    fn secret(
        &self,
        what: &str,
        file: &str,
        variable: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<String, AccountError> {
        let text = if file.is_empty() {
            lookup(variable).ok_or_else(|| self.wrong(&format!("{what} is missing: set {variable}")))?
        } else {
            std::fs::read_to_string(file)
                .map_err(|error| self.wrong(&format!("{what} in {file}: {error}")))?
        };
        match text.trim() {
            "" => Err(self.wrong(&format!("{what} is empty"))),
            text => Ok(text.to_owned()),
        }
    }

    fn wrong(&self, reason: &str) -> AccountError {
        AccountError { label: self.label.clone(), reason: reason.to_owned() }
    }
}

/// A phone number as it may be shown: its first three and last two digits.
pub fn masked_phone(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 8 {
        return "+…".to_owned();
    }
    let text = |digits: &[char]| digits.iter().collect::<String>();
    format!("+{}…{}", text(&digits[..3]), text(&digits[digits.len() - 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(label: &str) -> Account {
        Account { label: label.to_owned(), ..Account::default() }
    }

    fn environment(name: &str) -> Option<String> {
        match name {
            "TELEGRAM_API_ID" => Some(" 12345\n".to_owned()),
            "TELEGRAM_API_HASH" => Some("0123abcd".to_owned()),
            "PROXY" => Some("socks5://u:secret@127.0.0.1:1080".to_owned()),
            "NO_PROXY" => Some("http://127.0.0.1".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_label_alone_is_an_account_with_everything_dangerous_off() {
        let account = account("alpha");
        account.check().expect("fits");
        let options = account.connection(environment).expect("secrets are there");
        assert_eq!(
            (options.api_id, options.proxy, options.device_model.as_str()),
            (12345, None, "tickertape")
        );
        assert_eq!(account.session_file(Path::new("/d")), Path::new("/d/alpha.session"));
        assert!(!account.answer_gates);
    }

    #[test]
    fn labels_are_file_names() {
        for label in ["", "Alpha", "a/b", "..", "a b", &"x".repeat(33)] {
            assert!(account(label).check().is_err(), "{label}");
        }
    }

    #[test]
    fn missing_secrets_say_where_they_belong_and_never_what_they_are() {
        let error = account("alpha").connection(|_| None).map(|_| ()).expect_err("missing").to_string();
        assert!(error.contains("TELEGRAM_API_ID") && error.contains("alpha"), "{error}");
        let proxied = Account { proxy_env: "PROXY".to_owned(), ..account("alpha") };
        assert!(proxied.connection(environment).expect("fits").proxy.is_some());
        assert!(!format!("{proxied:?}").contains("secret"));
        let wrong = Account { proxy_env: "NO_PROXY".to_owned(), ..account("alpha") };
        assert!(wrong.connection(environment).is_err());
    }

    #[test]
    fn phone_numbers_are_masked() {
        let cases = [
            ("+49 170 1234567", "+491…67"),
            ("15551234567", "+155…67"),
            ("12345", "+…"),
            ("", "+…"),
            ("not a number", "+…"),
        ];
        for (phone, shown) in cases {
            assert_eq!(masked_phone(phone), shown);
        }
    }
}
