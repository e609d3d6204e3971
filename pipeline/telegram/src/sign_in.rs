//! Signing an account in and out.
//!
//! What is asked for is asked through a function of the caller's, which alone knows where answers come from. No answer
//! is kept, logged or put into an error.

use grammers_client::client::PasswordToken;
use grammers_client::{InvocationError, SignInError};

use crate::account::masked_phone;
use crate::clock::system_clock;
use crate::connection::Connection;
use crate::error::{Error, Result};

/// Something that only the account's owner can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The phone number, with its country's code.
    Phone,
    /// The code that Telegram has just sent.
    Code {
        /// The one before was wrong.
        again: bool,
    },
    /// The password of the second factor.
    Password {
        /// What the owner wrote to be reminded by.
        hint: Option<String>,
        /// The one before was wrong.
        again: bool,
    },
    /// The token of a bot, from @BotFather.
    BotToken,
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Bare user id.
    pub user_id: i64,
    /// The phone number, masked; none for a bot.
    pub phone: Option<String>,
    /// Whether it is a bot.
    pub bot: bool,
}

/// Signs in a person, or a bot. The session is written when it is done, and not before.
///
/// # Errors
/// Those of `ask`, which is how one gives up, and Telegram's.
pub async fn sign_in<E: From<Error>>(
    connection: &Connection,
    api_hash: &str,
    bot: bool,
    mut ask: impl FnMut(Question) -> Result<String, E>,
) -> Result<Owner, E> {
    if bot {
        let token = ask(Question::BotToken)?;
        let client = connection.client();
        let asked = client.bot_sign_in(token.trim(), api_hash);
        let asked = connection.once("auth.importBotAuthorization", asked).await?;
        let user = asked.map_err(|error| named("auth.importBotAuthorization", error))?;
        return Ok(written(connection, user.id().bare_id_unchecked(), None, true)?);
    }
    let phone = ask(Question::Phone)?;
    let client = connection.client();
    let asked = connection.once("auth.sendCode", client.request_login_code(phone.trim(), api_hash)).await?;
    let sent = asked.map_err(|error| named("auth.sendCode", error))?;
    let mut again = false;
    let signed_in = loop {
        let code = ask(Question::Code { again })?;
        // A client made before a timeout would be of a line that is gone.
        let client = connection.client();
        match connection.once("auth.signIn", client.sign_in(&sent, code.trim())).await? {
            Err(SignInError::InvalidCode) => again = true,
            other => break other,
        }
    };
    let user = match signed_in {
        Err(SignInError::PasswordRequired(token)) => second_factor(connection, token, ask).await?,
        signed_in => signed_in.map_err(|error| refused("auth.signIn", error))?,
    };
    Ok(written(connection, user.id().bare_id_unchecked(), Some(masked_phone(&phone)), false)?)
}

async fn second_factor<E: From<Error>>(
    connection: &Connection,
    mut token: PasswordToken,
    mut ask: impl FnMut(Question) -> Result<String, E>,
) -> Result<grammers_client::peer::User, E> {
    let mut again = false;
    loop {
        let hint = token.hint().map(str::to_owned);
        let password = ask(Question::Password { hint, again })?;
        let client = connection.client();
        match connection.once("auth.checkPassword", client.check_password(token, password)).await? {
            Err(SignInError::InvalidPassword(next)) => (token, again) = (next, true),
            signed_in => return signed_in.map_err(|error| refused("auth.checkPassword", error).into()),
        }
    }
}

/// Ends the session at Telegram and removes the file. A session that Telegram has ended already is only removed.
pub async fn sign_out(connection: &Connection) -> Result<()> {
    let client = connection.client();
    if let Err(error) = connection.once("auth.logOut", client.sign_out()).await? {
        let error = named("auth.logOut", error);
        if !error.is_account_gone() {
            return Err(error);
        }
    }
    connection.session().remove()
}

fn written(connection: &Connection, user_id: i64, phone: Option<String>, bot: bool) -> Result<Owner> {
    connection.session().set_phone(phone.clone());
    connection.session().flush()?;
    Ok(Owner { user_id, phone, bot })
}

fn refused(method: &'static str, error: SignInError) -> Error {
    match error {
        SignInError::Other(error) => named(method, error),
        SignInError::SignUpRequired => Error::Nonsense {
            method,
            reason: "nobody has this phone number yet; sign up with Telegram's own app first".to_owned(),
        },
        other => Error::Nonsense { method, reason: other.to_string() },
    }
}

fn named(method: &'static str, error: InvocationError) -> Error {
    match error {
        InvocationError::Rpc(rpc) if rpc.code == 420 => {
            Error::Flood { method, until: system_clock()() + i64::from(rpc.value.unwrap_or(1)) + 1 }
        }
        error => Error::from_invocation(method, error),
    }
}
