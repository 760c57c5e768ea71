"""Runs pipelines on the machines of Acme."""
