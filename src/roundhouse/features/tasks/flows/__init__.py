"""Flows: capabilities in order, with backups and, where nothing else helps, a person. Data, not code."""
