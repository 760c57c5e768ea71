"""The one place that states our version."""

__version__ = "0.1.0"
