"""How models want to be asked."""

import pytest

from roundhouse.core.types import Provider
from roundhouse.features.knowledge.embedding.manner import Manner, manner_of

SEARCH = "Represent this sentence for searching relevant passages: "


def prompts(kind, model):
    manner = manner_of(Provider("p", kind), model)
    return manner.prefix("query"), manner.prefix("passage")


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("BAAI/bge-large-en-v1.5", SEARCH, ""),
        ("bge-large:335m", SEARCH, ""),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("bge-m3:latest", "", ""),
        ("nomic-embed-text:v1.5", "search_query: ", "search_document: "),
        ("nomic-ai/nomic-embed-text-v2-moe", "search_query: ", "search_document: "),
        ("mxbai-embed-large", SEARCH, ""),
        ("snowflake-arctic-embed:335m", SEARCH, ""),
        ("snowflake-arctic-embed2", "query: ", ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("embeddinggemma:300m", "task: search result | query: ", "title: none | text: "),
        ("all-minilm", "", ""),
        ("thenlper/gte-large", "", ""),
        ("text-embedding-3-small", "", ""),
        ("jinaai/jina-embeddings-v4", "Query: ", "Passage: "),
        ("jina-embeddings-v2-base-en", "", ""),
        # A name is known by the beginning of one of its parts alone.
        ("some-e5-like", "", ""),
    ],
)
def test_prefixes_by_name(model, query, passage):
    assert prompts("openai", model) == (query, passage)


@pytest.mark.parametrize(
    "model", ["Qwen/Qwen3-Embedding-0.6B", "qwen3-embedding:8b", "e5-mistral-7b-instruct"]
)
def test_instructions(model):
    query, passage = prompts("ollama", model)
    assert query.startswith("Instruct: Given a web search query") and "\nQuery:" in query
    assert passage == ""


def test_members():
    jina = manner_of(Provider("p", "jina"), "jina-embeddings-v4")
    assert (jina.prefix("query"), jina.members("query")) == ("", {"task": "retrieval.query"})
    assert jina.members("passage") == {"task": "retrieval.passage"}
    voyage = manner_of(Provider("p", "openai"), "voyage-3.5")
    assert voyage.members("passage") == {"input_type": "document"}
    own = manner_of(Provider("p", "sentence_transformers"), "org/some-model")
    assert own.members("query") == {"task": "retrieval.query"}
    assert manner_of(Provider("p", "sentence_transformers"), "intfloat/e5-small").members("query") == {}


def test_the_operator_has_the_last_word():
    options = {"embedding": {"bge-*": {"passage": "P: ", "dimensions": 64, "query_members": {"a": 1}}}}
    provider = Provider("p", "openai", options=options)
    manner = manner_of(provider, "bge-large-en")
    assert (manner.query, manner.passage) == ("", "P: ")
    assert manner.members("query") == {"a": 1, "dimensions": 64}
    assert manner.members("passage") == {"dimensions": 64}
    assert manner_of(provider, "e5-small") == Manner("query: ", "passage: ")
