"""Measures everything and writes the performance page from it: `make bench-report`."""
