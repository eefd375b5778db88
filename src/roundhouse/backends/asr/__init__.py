"""Recognisers of speech, one file per vendor."""
