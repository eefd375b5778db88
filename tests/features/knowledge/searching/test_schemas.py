"""The wire of searching, in OpenAI's shape."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from roundhouse.features.knowledge.searching.schemas import SearchBody, read_found
from roundhouse.features.knowledge.searching.shapes import Found, FoundPassage


def test_openai_s_members_are_read() -> None:
    asked = SearchBody.model_validate(
        {
            "query": ["one", "two"],
            "max_num_results": 3,
            "filters": {"type": "eq", "key": "k", "value": "v"},
            "ranking_options": {"ranker": "default-2024-11-15", "score_threshold": 0.25},
            "rewrite_query": True,
        }
    ).asked()
    assert (asked.queries, asked.limit, asked.rerank, asked.score_threshold) == (
        ("one", "two"),
        3,
        "auto",
        0.25,
    )
    assert asked.filters == {"type": "eq", "key": "k", "value": "v"}
    assert (
        SearchBody.model_validate({"query": "x", "ranking_options": {"ranker": "none"}}).asked().rerank
        == "none"
    )
    assert SearchBody.model_validate({"image": "file_1"}).asked().queries == ()


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": []},
        {"query": "x", "max_num_results": 51},
        {"query": "x", "min_similarity": 2},
        {"query": "x", "unknown": 1},
        {"query": "x\x00"},
        {"query": "x", "mode": "rank"},
    ],
)
def test_what_is_out_of_range_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchBody.model_validate(body)


def test_results_are_openai_s_page() -> None:
    passage = FoundPassage(
        "psg_5", 5, "vs_1", 2, "file_1", "a.txt", {"k": "v"}, "text", "said", 3, 7, 1, ("Top",), "en", 0.5
    )
    page = read_found(Found((passage,), ("asked",), ("indexing",))).model_dump()
    assert page["object"] == "vector_store.search_results.page"
    assert (page["search_query"], page["has_more"], page["next_page"]) == (["asked"], False, None)
    assert page["warnings"] == ["indexing"]
    (one,) = page["data"]
    assert one["content"] == [{"type": "text", "text": "said"}]
    assert (one["file_id"], one["filename"], one["score"], one["attributes"]) == (
        "file_1",
        "a.txt",
        0.5,
        {"k": "v"},
    )
    assert (one["passage_id"], one["page"], one["headings"], one["scores"]) == ("psg_5", 1, ["Top"], None)
