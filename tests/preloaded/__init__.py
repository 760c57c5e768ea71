"""Commands in processes of their own, forked from one that has imported already what they import."""
