"""Roundhouse: one self-hosted AI backend for a small team on its own hardware."""

__version__ = "0.1.0"
