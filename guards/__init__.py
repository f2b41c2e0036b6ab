"""Shows that each guard in docs/guards.md is held by a test: takes the guard away, and expects the tests to fail."""
