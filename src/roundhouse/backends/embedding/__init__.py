"""Embedding backends: they take and give the OpenAI embeddings wire format."""
