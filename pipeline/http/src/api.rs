//! The HTTP API: its routes, each with its documentation beside it, and the OpenAPI document made of them.
//!
//! [`table`] is the one list of routes. A test compares it with the document.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::source::{
    Account, ChannelDetails, Channels, ChannelsPage, CoinDifference, CoinHistory, CoinList, CoinRefresh,
    DeadLetters, Lag, Links, Named, Newest, OneList, Page, Source, TwoLists, Wish, WishOutcome,
};
use crate::{Guard, Health, Problem, guard, health, metrics};

/// The most channels that one request may name.
const MOST_NAMED: usize = 1_000;
/// The most rows of one page.
const LONGEST_PAGE: u32 = 500;
/// A request is a list of names.
const LONGEST_BODY: usize = 256 << 10;

type Shared = Arc<dyn Source>;
type Answer<T> = Result<Json<T>, Problem>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// Everything that is answered. Health and readiness are open to all, the rest is behind `guard`.
pub fn routes(health: Arc<Health>, source: Arc<dyn Source>, guard: Guard) -> Router {
    let mut router: Router<Shared> = Router::new();
    for (_, path, route) in table() {
        router = router.route(path, route);
    }
    router
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(guard, guard::pass))
        .with_state(source)
        .merge(health::routes(health))
        .fallback(no_such_path)
}

/// The method, the path and what answers, but for health.
pub(crate) fn table() -> Vec<(&'static str, &'static str, MethodRouter<Shared>)> {
    vec![
        ("get", "/accounts", get(accounts)),
        ("get", "/channels", get(channels)),
        ("get", "/channels/{channel}", get(channel)),
        ("post", "/channels/add", post(add)),
        ("post", "/channels/remove", post(remove)),
        ("post", "/channels/approve", post(approve)),
        ("post", "/channels/reject", post(reject)),
        ("get", "/links", get(links)),
        ("get", "/coins", get(coins)),
        ("get", "/coins/history", get(coin_history)),
        ("get", "/coins/diff", get(coin_differences)),
        ("post", "/coins/refresh", post(refresh_coins)),
        ("get", "/lag", get(lag)),
        ("get", "/dead-letters", get(dead_letters)),
        ("get", "/metrics", get(export)),
        ("get", "/openapi.json", get(document)),
    ]
}

/// The OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(title = "tickertape", description = "What a running tickertape knows, and what it can be told. \
        On a loopback address without a token only programs of the same machine are answered; with a token, \
        everything but /health and /ready demands it."),
    paths(
        accounts, channels, channel, add, remove, approve, reject, links, coins, coin_history, coin_differences,
        refresh_coins, lag, dead_letters, export, document, health::alive, health::ready
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("token" = []))
)]
pub(crate) struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

async fn no_such_path() -> Problem {
    Problem::not_found("there is nothing at this path", "see /openapi.json for what there is")
}

async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not answer this method",
        "see /openapi.json for the one it does",
    )
}

fn in_bounds(limit: u32) -> Result<(), Problem> {
    if (1..=LONGEST_PAGE).contains(&limit) {
        return Ok(());
    }
    let what_to_do = format!("ask for 1 to {LONGEST_PAGE}, and for the next page with `after`");
    Err(Problem::bad_request(format!("limit is {limit}"), what_to_do))
}

/// Every account.
#[utoipa::path(get, path = "/accounts", responses((status = 200, body = Vec<Account>), (status = "default", body = Problem)))]
async fn accounts(State(source): State<Shared>) -> Answer<Vec<Account>> {
    source.accounts().await.map(Json)
}

/// A page of channels, by number.
#[utoipa::path(get, path = "/channels", params(ChannelsPage), responses((status = 200, body = Channels), (status = "default", body = Problem)))]
async fn channels(State(source): State<Shared>, page: Asked<ChannelsPage>) -> Answer<Channels> {
    let Query(page) = page?;
    in_bounds(page.limit)?;
    source.channels(&page).await.map(Json)
}

/// One channel and its way from state to state.
#[utoipa::path(
    get, path = "/channels/{channel}",
    params(("channel" = String, Path, description = "`@name`, a chat id, or a link with its slashes as %2F")),
    responses((status = 200, body = ChannelDetails), (status = "default", body = Problem))
)]
async fn channel(
    State(source): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Answer<ChannelDetails> {
    let Path(name) = name?;
    source.channel(&name).await.map(Json)
}

type Body = Result<Json<Named>, JsonRejection>;

/// Follow channels.
#[utoipa::path(post, path = "/channels/add", request_body = Named, responses((status = 200, body = Vec<WishOutcome>), (status = "default", body = Problem)))]
async fn add(State(source): State<Shared>, body: Body) -> Answer<Vec<WishOutcome>> {
    wish(source, Wish::Add, body).await
}

/// Follow channels no longer.
#[utoipa::path(post, path = "/channels/remove", request_body = Named, responses((status = 200, body = Vec<WishOutcome>), (status = "default", body = Problem)))]
async fn remove(State(source): State<Shared>, body: Body) -> Answer<Vec<WishOutcome>> {
    wish(source, Wish::Remove, body).await
}

/// Follow channels that were found.
#[utoipa::path(post, path = "/channels/approve", request_body = Named, responses((status = 200, body = Vec<WishOutcome>), (status = "default", body = Problem)))]
async fn approve(State(source): State<Shared>, body: Body) -> Answer<Vec<WishOutcome>> {
    wish(source, Wish::Approve, body).await
}

/// Do not follow channels that were found.
#[utoipa::path(post, path = "/channels/reject", request_body = Named, responses((status = 200, body = Vec<WishOutcome>), (status = "default", body = Problem)))]
async fn reject(State(source): State<Shared>, body: Body) -> Answer<Vec<WishOutcome>> {
    wish(source, Wish::Reject, body).await
}

async fn wish(source: Shared, wish: Wish, body: Body) -> Answer<Vec<WishOutcome>> {
    let Json(Named { channels }) = body?;
    if !(1..=MOST_NAMED).contains(&channels.len()) {
        let what = format!("{} channels are named", channels.len());
        return Err(Problem::bad_request(what, format!("name 1 to {MOST_NAMED} at once")));
    }
    source.wish(wish, &channels).await.map(Json)
}

/// A page of links seen in messages.
#[utoipa::path(get, path = "/links", params(Page), responses((status = 200, body = Links), (status = "default", body = Problem)))]
async fn links(State(source): State<Shared>, page: Asked<Page>) -> Answer<Links> {
    let Query(page) = page?;
    in_bounds(page.limit)?;
    source.links(&page).await.map(Json)
}

/// A coin list with its coins.
#[utoipa::path(get, path = "/coins", params(OneList), responses((status = 200, body = CoinList), (status = "default", body = Problem)))]
async fn coins(State(source): State<Shared>, asked: Asked<OneList>) -> Answer<CoinList> {
    let Query(asked) = asked?;
    source.coin_list(asked.version).await.map(Json)
}

/// What came of the latest refreshes, newest first.
#[utoipa::path(get, path = "/coins/history", params(Newest), responses((status = 200, body = CoinHistory), (status = "default", body = Problem)))]
async fn coin_history(State(source): State<Shared>, asked: Asked<Newest>) -> Answer<CoinHistory> {
    let Query(asked) = asked?;
    in_bounds(asked.limit)?;
    source.coin_history(asked.limit).await.map(Json)
}

/// What changed from one coin list to another.
#[utoipa::path(get, path = "/coins/diff", params(TwoLists), responses((status = 200, body = Vec<CoinDifference>), (status = "default", body = Problem)))]
async fn coin_differences(
    State(source): State<Shared>,
    asked: Asked<TwoLists>,
) -> Answer<Vec<CoinDifference>> {
    let Query(asked) = asked?;
    source.coin_differences(asked.before, asked.after).await.map(Json)
}

/// Asks CoinGecko now. An answer that is refused is no error: `reason` says why the list in force stays.
#[utoipa::path(post, path = "/coins/refresh", responses((status = 200, body = CoinRefresh), (status = "default", body = Problem)))]
async fn refresh_coins(State(source): State<Shared>) -> Answer<CoinRefresh> {
    source.refresh_coins().await.map(Json)
}

/// How far behind each stage of this process is, in each partition that it has.
#[utoipa::path(get, path = "/lag", responses((status = 200, body = Vec<Lag>), (status = "default", body = Problem)))]
async fn lag(State(source): State<Shared>) -> Answer<Vec<Lag>> {
    source.lag().await.map(Json)
}

/// A page of records that could not be understood, by id.
#[utoipa::path(get, path = "/dead-letters", params(Page), responses((status = 200, body = DeadLetters), (status = "default", body = Problem)))]
async fn dead_letters(State(source): State<Shared>, page: Asked<Page>) -> Answer<DeadLetters> {
    let Query(page) = page?;
    in_bounds(page.limit)?;
    source.dead_letters(&page).await.map(Json)
}

/// Metrics for Prometheus, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
async fn export(State(source): State<Shared>) -> Response {
    let text = metrics::text(&source.figures().await, metrics::resident_bytes());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = Object, content_type = "application/json")))]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_documented_and_every_documented_one_is_a_route() {
        let document = serde_json::to_value(Document::openapi()).expect("it is JSON");
        let paths = document["paths"].as_object().expect("it has paths");
        let documented: BTreeSet<(&str, &str)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods.keys().map(move |method| (method.as_str(), path.as_str()))
            })
            .collect();
        let open = [("get", "/health"), ("get", "/ready")];
        let answered: BTreeSet<(&str, &str)> =
            table().into_iter().map(|(method, path, _)| (method, path)).chain(open).collect();
        assert_eq!(documented, answered);
    }
}
