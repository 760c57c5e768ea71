"""The command line `pipes`: the only part that prints."""
