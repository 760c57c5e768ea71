"""The same pipeline in what others offer: measured beside ours, in the same run, on the same machine."""
