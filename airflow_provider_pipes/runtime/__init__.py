"""What runs where a step runs: its code, its inputs, its results."""
