"""Speakers of text, one file per vendor."""
