//! The parent chain against its rules, against a slow obvious model, and across restarts.

mod checkpoints;
mod model;
mod random;
mod rules;
