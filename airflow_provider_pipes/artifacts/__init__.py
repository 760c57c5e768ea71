"""Where values live: stores that hold bytes, and materializers that turn values into files."""
