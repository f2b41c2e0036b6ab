"""The project's figures: `make bench`, each a comparison of two things in one run. See docs/benchmarks.md."""
