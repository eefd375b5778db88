"""Rerank backends: they take and give the Jina/Cohere rerank wire format."""
