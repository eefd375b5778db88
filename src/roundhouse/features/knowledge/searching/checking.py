"""Whether what is asked of a search can be done at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from roundhouse.core.errors import BadInput
from roundhouse.features.knowledge.searching.shapes import MAX_LIMIT, MAX_QUERIES, MAX_STORES, SearchAsk

MAX_FILES = 10_000


def check(asked: SearchAsk, store_ids: Sequence[str]) -> None:
    """Raise BadInput where something is malformed or out of range."""
    if not 1 <= len(set(store_ids)) <= MAX_STORES:
        raise BadInput(f"A search is in 1 to {MAX_STORES} vector stores.", param="vector_store_ids")
    if not 1 <= asked.limit <= MAX_LIMIT:
        raise BadInput(f"The limit is 1 to {MAX_LIMIT}.", param="max_num_results")
    if asked.file_ids is not None and len(asked.file_ids) > MAX_FILES:
        raise BadInput(f"At most {MAX_FILES} files can be named.", param="file_ids")
    if not asked.kinds or not set(asked.kinds) <= {"text", "image"}:
        raise BadInput("Kinds of passages are text and image.", param="kinds")
    _check_queries(asked)
    for name in ("min_similarity", "score_threshold", "diversity"):
        value = getattr(asked, name)
        if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
            raise BadInput(f"{name} is from 0 to 1.", param=name)
    if asked.mode == "lexical" and asked.min_similarity > 0:
        raise BadInput("Words have no similarity: min_similarity needs vectors.", param="min_similarity")


def _check_queries(asked: SearchAsk) -> None:
    if asked.image is not None:
        if asked.queries:
            raise BadInput("A search is for texts or for a picture.", param="image")
        if asked.mode == "lexical":
            raise BadInput("A picture has no words to search for.", param="mode")
        return
    if not 1 <= len(asked.queries) <= MAX_QUERIES:
        raise BadInput(f"A search has 1 to {MAX_QUERIES} queries.", param="query")
    if not all(one.strip() for one in asked.queries):
        raise BadInput("A query is empty.", param="query")


def kind_wanted(asked: SearchAsk) -> str | None:
    """A kind of passages that few documents have, and only it is wanted."""
    return "image" if set(asked.kinds) == {"image"} else None
