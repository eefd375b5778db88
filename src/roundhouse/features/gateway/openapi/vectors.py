"""Embeddings and reranking.

Source:
    OpenAI API reference (2026-11): create embeddings. Descriptions are our own.
    Jina embeddings and reranker API (2026-11): inputs with `text` or `image`; `query`, `documents`, `top_n`.
"""

from __future__ import annotations

from roundhouse.features.gateway.openapi.sampling import model
from roundhouse.features.gateway.openapi.shapes import (
    Schema,
    either,
    flag,
    integer,
    items,
    number,
    optional,
    record,
    ref,
    text,
)


def vector_schemas() -> dict[str, Schema]:
    """Components by name."""
    return {
        "EmbeddingTextInput": record("A text, in Jina's form.", {"text": text(minLength=1)}, "text"),
        "EmbeddingImageInput": record(
            "A picture, for models that embed both: `https://…` of a public address, `data:`, or base64.",
            {"image": text(minLength=1)},
            "image",
        ),
        "EmbeddingRequest": _embedding_request(),
        "EmbeddingList": _embedding_list(),
        "RerankRequest": _rerank_request(),
        "RerankResult": _rerank_result(),
    }


def _embedding_request() -> Schema:
    item = either(
        text(), ref("EmbeddingTextInput"), ref("EmbeddingImageInput"), integer(), items(integer(), minItems=1)
    )
    given = either(
        text(minLength=1),
        items(item, minItems=1),
        ref("EmbeddingTextInput"),
        ref("EmbeddingImageInput"),
        about="A text, a list of texts, `{text}` or `{image}` in Jina's form, or tokens where the model takes them.",
    )
    return record(
        "Turn texts (or pictures) into vectors. Members not listed are passed on to the model server.",
        {
            "model": model(),
            "input": given,
            "encoding_format": optional(
                text(
                    "`float`, or `base64` of little-endian float32, which is smaller.",
                    enum=["float", "base64"],
                )
            ),
            "dimensions": optional(integer("Length of the vectors, for models that can be cut.", minimum=1)),
            "user": optional(text("Your name of the end user; passed on.")),
            "task": optional(text("Jina: what the vectors are for, e.g. `retrieval.query`.")),
        },
        "model",
        "input",
    )


def _embedding_list() -> Schema:
    vector = record(
        "The vector of one input.",
        {
            "object": text("`embedding`."),
            "index": integer("Place of its input."),
            "embedding": either(items(number()), text("Base64 of little-endian float32.")),
        },
        "embedding",
    )
    return record(
        "Vectors, in the order of the inputs.",
        {
            "object": text("`list`."),
            "model": text("The model that answered."),
            "data": items(vector),
            "usage": optional(ref("Usage")),
        },
        "data",
    )


def _rerank_request() -> Schema:
    document = record("A text; or a picture, for models that know both.", {"text": text(), "image": text()})
    document["minProperties"] = 1
    return record(
        "Sort documents by what they say to a query. Members not listed are passed on to the model server.",
        {
            "model": model(),
            "query": either(text(minLength=1), document, about="What is looked for."),
            "documents": items(either(text(), document), "What to sort.", minItems=1),
            "top_n": optional(integer("Most results; all by default.", minimum=1)),
            "return_documents": optional(flag("Repeat the documents in the results.")),
        },
        "model",
        "query",
        "documents",
    )


def _rerank_result() -> Schema:
    result = record(
        "One document.",
        {
            "index": integer("Its place in the request."),
            "relevance_score": number("Higher is better; comparable within one answer only."),
            "document": optional(record("As it was in the request.", {"text": text(), "image": text()})),
        },
        "index",
        "relevance_score",
    )
    members = {
        "model": text("The model that answered."),
        "results": items(result),
        "usage": optional(ref("Usage")),
    }
    return record("Best first.", members, "results")
