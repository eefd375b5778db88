"""Texts found by meaning: vectors find candidates, a reranker puts the best one first."""

import os
import sys

from openai import OpenAI

TEXTS = [
    "To get a new password, open the settings and choose Security.",
    "Our office is closed on public holidays.",
    "Invoices are sent on the first day of each month.",
    "The cafeteria serves lunch from noon to two.",
]

client = OpenAI(
    base_url=os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["ROUNDHOUSE_API_KEY"],
)
model = os.environ.get("MODEL", "roundhouse/minilm")
question = " ".join(sys.argv[1:]) or "I cannot log in any more, how do I reset it?"

made = client.embeddings.create(model=model, input=[question, *TEXTS])
asked, *vectors = [item.embedding for item in made.data]
likeness = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
nearest = sorted(range(len(TEXTS)), key=lambda place: -likeness[place])[:3]

# The SDK has no method for reranking; any route can be called all the same.
ranked = client.post(
    "/rerank",
    cast_to=object,
    body={"model": model, "query": question, "documents": [TEXTS[place] for place in nearest]},
)
for result in ranked["results"]:
    print(f"{result['relevance_score']:.3f}  {TEXTS[nearest[result['index']]]}")
