//! The control unit: coins on schedule, channels under control.
