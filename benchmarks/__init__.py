"""Measurements of what the issue tracker sets bars for; `make bench` prints the table."""
