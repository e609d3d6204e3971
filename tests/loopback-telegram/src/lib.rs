//! A Telegram on loopback, for tests: sign-in, history, live pushes, and everything that can go wrong.
