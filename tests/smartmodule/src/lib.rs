//! The SmartModule in the real engine beside the native crate.
