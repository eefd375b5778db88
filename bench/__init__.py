"""Benchmarks that need a running system; none of this is installed with the package."""
