"""Texts and pictures get their vectors: asked of the engine in batches, with the prompt of each model, kept by hash."""
