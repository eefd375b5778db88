"""The kinds of jobs of vector stores."""

from __future__ import annotations

INGEST = "document.ingest"
"""Takes a file in; input: `store_id`, `file_id`."""

CLEANUP = "vector_store.cleanup"
"""Removes what nobody sees any more; input: `store_id` where it was asked for."""
