//! What goes wrong, as every error is answered: what it is, and what to do about it.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error as it is answered, `application/problem+json`. Must hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The status of the answer, once more.
    pub status: u16,
    /// What went wrong.
    pub what: String,
    /// What to do about it.
    pub what_to_do: String,
}

impl Problem {
    /// The request cannot be right.
    pub fn bad_request(what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what, what_to_do)
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what, what_to_do)
    }

    /// Something that is needed does not answer now.
    pub fn unavailable(what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, what, what_to_do)
    }

    pub(crate) fn new(status: StatusCode, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { status: status.as_u16(), what: what.into(), what_to_do: what_to_do.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(self)).into_response()
    }
}

const SEE: &str = "see /openapi.json for what can be asked";

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text(), SEE)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text(), SEE)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let what_to_do = "send JSON such as {\"channels\": [\"@name\"]} with content-type: application/json";
        Self::new(rejection.status(), rejection.body_text(), what_to_do)
    }
}
