//! The test of the whole is in `tests/`: nothing here.
