//! The attribution stage: messages in, attributed messages out.
