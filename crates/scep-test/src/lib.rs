//! Fixtures and whole-system tests.
