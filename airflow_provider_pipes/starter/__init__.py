"""The files of a starter project; what stands between percent signs is filled in."""
