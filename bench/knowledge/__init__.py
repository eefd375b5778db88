"""Benchmarks of the knowledge room."""
