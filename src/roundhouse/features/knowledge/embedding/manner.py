"""How embedding models want to be asked: what stands before a question, and what before a passage.

Source (model cards and API references as of 2026-11):
    intfloat/multilingual-e5-large, intfloat/multilingual-e5-large-instruct, BAAI/bge-large-en-v1.5,
    BAAI/bge-large-zh-v1.5, BAAI/bge-multilingual-gemma2, BAAI/bge-m3 (nothing), nomic-ai/nomic-embed-text-v1.5,
    mixedbread-ai/mxbai-embed-large-v1, Snowflake/snowflake-arctic-embed-l and -l-v2.0, Qwen/Qwen3-Embedding-8B,
    google/embeddinggemma-300m, Alibaba-NLP/gte-Qwen2-7B-instruct, jinaai/jina-embeddings-v3, -v4 and jina-clip-v2,
    sentence-transformers/all-MiniLM-L6-v2 and thenlper/gte-large (nothing); Jina embeddings API (`task`), Voyage AI
    embeddings API and NVIDIA NIM text embedding API (`input_type`).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Provider
from roundhouse.features.knowledge.embedding.model import Role

OPTION = "embedding"
"""Option of a provider: manners by patterns of its models' names, over what stands here."""


class Manner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one model is asked.

    Attributes:
        query: Stands before a question.
        passage: Stands before a passage.
        query_members: Members of a request with questions.
        passage_members: Members of a request with passages.
        dimensions: Length of vectors, of models that can shorten theirs; None = as they are.
        inputs: Most inputs of one request; None = by the kind of its provider.
        takes_images: Whether it takes pictures; None = as its provider says.
    """

    query: str = ""
    passage: str = ""
    query_members: dict[str, Any] = {}
    passage_members: dict[str, Any] = {}
    dimensions: int | None = None
    inputs: int | None = None
    takes_images: bool | None = None

    def prefix(self, role: Role) -> str:
        """What stands before a text."""
        return self.query if role == "query" else self.passage

    def members(self, role: Role) -> dict[str, Any]:
        """Members of a request besides model and input."""
        more = {} if self.dimensions is None else {"dimensions": self.dimensions}
        return {**(self.query_members if role == "query" else self.passage_members), **more}


_SEARCH = "Represent this sentence for searching relevant passages: "
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
_TASK = Manner(
    query_members={"task": "retrieval.query"},
    passage_members={"task": "retrieval.passage"},
)
_NOTHING = Manner()

# By the beginning of a part of a model's name, in lower case; the first that fits. A kind, where one is named, must
# be that of the provider.
_KNOWN: tuple[tuple[str, str | None, Manner], ...] = (
    (r"jina-embeddings-v[3-9]", "jina", _TASK),
    (r"jina-clip-v[2-9]", "jina", Manner(query_members={"task": "retrieval.query"})),
    (r"jina-embeddings-v4", None, Manner("Query: ", "Passage: ")),
    (
        r"jina-embeddings-v3",
        None,
        Manner(
            "Represent the query for retrieving evidence documents: ",
            "Represent the document for retrieval: ",
        ),
    ),
    (r"multilingual-e5-large-instruct|e5-mistral|gte-qwen2-.*instruct", None, Manner(_INSTRUCT + " ")),
    (r"qwen3-(vl-)?embedding", None, Manner(_INSTRUCT)),
    (r"(multilingual-)?e5-", None, Manner("query: ", "passage: ")),
    (r"bge-(small|base|large)-zh", None, Manner("为这个句子生成表示以用于检索相关文章：")),
    (
        r"bge-multilingual-gemma2",
        None,
        Manner(
            "<instruct>Given a web search query, retrieve relevant passages that answer the query.\n<query>"
        ),
    ),
    (r"bge-(small|base|large)", None, Manner(_SEARCH)),
    (r"nomic-embed-text|modernbert-embed", None, Manner("search_query: ", "search_document: ")),
    (r"mxbai-embed-", None, Manner(_SEARCH)),
    (r"(snowflake-)?arctic-embed(2|-[a-z]+-v2)", None, Manner("query: ")),
    (r"(snowflake-)?arctic-embed", None, Manner(_SEARCH)),
    (
        r"embeddinggemma|embedding-gemma",
        None,
        Manner("task: search result | query: ", "title: none | text: "),
    ),
    (
        r"voyage-",
        None,
        Manner(query_members={"input_type": "query"}, passage_members={"input_type": "document"}),
    ),
    (
        r"nv-embedqa|llama-[0-9.]+-(nv-embedqa|nemoretriever)",
        None,
        Manner(query_members={"input_type": "query"}, passage_members={"input_type": "passage"}),
    ),
    # It knows its models' own prompts.
    (r"", "sentence_transformers", _TASK),
)


def manner_of(provider: Provider, model: str) -> Manner:
    """How a provider's model is asked: by the provider's option, else by its name.

    Raises:
        BadInput: The option is malformed.
    """
    told = provider.options.get(OPTION, {})
    try:
        manners = msgspec.convert(told, dict[str, Manner])
    except msgspec.ValidationError as error:
        raise BadInput(f"options.{OPTION} of provider {provider.name}: {error}", param="options") from None
    for pattern, manner in manners.items():
        if fnmatchcase(model, pattern):
            return manner
    return _by_name(provider.kind, model)


def _by_name(kind: str, model: str) -> Manner:
    name = model.lower()
    for pattern, only, manner in _KNOWN:
        if only in (None, kind) and re.search(rf"(?:^|[/_.:])(?:{pattern})", name):
            return manner
    return _NOTHING
