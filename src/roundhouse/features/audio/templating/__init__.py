"""Summaries in a form: templates, what a model is told, and that what comes out fits, always."""
