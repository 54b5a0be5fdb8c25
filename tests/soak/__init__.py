"""A long run of everything at once: `make test-long`."""
