"""The Likeness engine: invert, edit and blend faces; `python -m engine` is its command line."""

__version__ = "0.1.0"
