"""Writes the reference pages out of the code: ``python -m docs.generate``, and ``--check`` in CI."""
