//! Signing in and out.

use grammers_tl_types as tl;

use super::{Answer, KeyId, account};
use crate::blank;
use crate::world::World;

const CODE_HASH: &str = "code-hash";

fn by_phone(world: &World, phone: &str) -> Option<usize> {
    let bare = |phone: &str| phone.trim_start_matches('+').to_owned();
    world
        .accounts
        .iter()
        .position(|account| account.spec.bot_token.is_none() && bare(&account.spec.phone) == bare(phone))
}

pub(super) fn send_code(
    world: &mut World,
    _key: KeyId,
    request: tl::functions::auth::SendCode,
) -> Answer<tl::functions::auth::SendCode> {
    let account = by_phone(world, &request.phone_number).ok_or((400, "PHONE_NUMBER_INVALID"))?;
    if world.accounts[account].banned {
        return Err((400, "PHONE_NUMBER_BANNED"));
    }
    let length = world.accounts[account].spec.code.len() as i32;
    Ok(tl::types::auth::SentCode {
        r#type: tl::types::auth::SentCodeTypeApp { length }.into(),
        phone_code_hash: CODE_HASH.to_owned(),
        next_type: None,
        timeout: None,
    }
    .into())
}

pub(super) fn sign_in(
    world: &mut World,
    key: KeyId,
    request: tl::functions::auth::SignIn,
) -> Answer<tl::functions::auth::SignIn> {
    let number = by_phone(world, &request.phone_number).ok_or((400, "PHONE_NUMBER_INVALID"))?;
    let account = &world.accounts[number];
    if request.phone_code_hash != CODE_HASH || request.phone_code.as_deref() != Some(&account.spec.code) {
        return Err((400, "PHONE_CODE_INVALID"));
    }
    let password = account.spec.password;
    let authorization = blank::authorization(account);
    let Some(known) = world.keys.get_mut(&key) else { return Err((401, "AUTH_KEY_UNREGISTERED")) };
    if password {
        known.half_signed_in = Some(number);
        return Err((401, "SESSION_PASSWORD_NEEDED"));
    }
    known.account = Some(number);
    Ok(authorization)
}

pub(super) fn get_password(
    _world: &mut World,
    _key: KeyId,
    _request: tl::functions::account::GetPassword,
) -> Answer<tl::functions::account::GetPassword> {
    Ok(blank::password())
}

pub(super) fn check_password(
    world: &mut World,
    key: KeyId,
    _request: tl::functions::auth::CheckPassword,
) -> Answer<tl::functions::auth::CheckPassword> {
    if world.faults.refuse_passwords > 0 {
        world.faults.refuse_passwords -= 1;
        return Err((400, "PASSWORD_HASH_INVALID"));
    }
    let Some(known) = world.keys.get_mut(&key) else { return Err((401, "AUTH_KEY_UNREGISTERED")) };
    let number = known.half_signed_in.take().ok_or((401, "AUTH_KEY_UNREGISTERED"))?;
    known.account = Some(number);
    Ok(blank::authorization(&world.accounts[number]))
}

pub(super) fn bot(
    world: &mut World,
    key: KeyId,
    request: tl::functions::auth::ImportBotAuthorization,
) -> Answer<tl::functions::auth::ImportBotAuthorization> {
    let number = world
        .accounts
        .iter()
        .position(|account| account.spec.bot_token.as_ref() == Some(&request.bot_auth_token))
        .ok_or((400, "ACCESS_TOKEN_INVALID"))?;
    if let Some(known) = world.keys.get_mut(&key) {
        known.account = Some(number);
    }
    Ok(blank::authorization(&world.accounts[number]))
}

pub(super) fn log_out(
    world: &mut World,
    key: KeyId,
    _request: tl::functions::auth::LogOut,
) -> Answer<tl::functions::auth::LogOut> {
    account(world, key)?;
    if let Some(known) = world.keys.get_mut(&key) {
        known.account = None;
    }
    Ok(tl::types::auth::LoggedOut { future_auth_token: None }.into())
}

/// Only oneself can be asked for.
pub(super) fn get_users(
    world: &mut World,
    key: KeyId,
    _request: tl::functions::users::GetUsers,
) -> Answer<tl::functions::users::GetUsers> {
    let account = account(world, key)?;
    Ok(vec![blank::myself(&world.accounts[account])])
}
