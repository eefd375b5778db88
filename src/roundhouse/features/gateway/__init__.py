"""One OpenAI-compatible address over every model.

Chat, completions, responses, embeddings and reranking pass through with their fidelity kept; providers and
aliases are changed while it runs; models are listed, loaded, unloaded, pulled and recommended. A request never
fails because one model server did, if another can answer.
"""
