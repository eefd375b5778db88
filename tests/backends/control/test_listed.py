"""Models written down by the operator."""

from __future__ import annotations

import pytest

from peers.asking import backend_context, provider_of
from roundhouse.backends.control.listed import ListedControl, operations_of
from roundhouse.core.errors import NotSupported
from roundhouse.core.types import ModelInfo


async def test_what_is_written_is_what_there_is() -> None:
    async with backend_context() as context:
        provider = provider_of("jina", "", models=("jina-embeddings-v4", "jina-reranker-m0"))
        control = ListedControl(provider, context)
        assert await control.models() == [
            ModelInfo("jina-embeddings-v4", ("embeddings",), ("image",)),
            ModelInfo("jina-reranker-m0", ("rerank",), ("image",)),
        ]
        assert await control.running() == []
        assert not control.manages_memory
        for call in (control.load, control.unload, control.pull):
            with pytest.raises(NotSupported, match="Provider p"):
                await call("jina-reranker-m0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama3.1:8b", "chat"),
        ("nomic-embed-text", "embeddings"),
        ("BAAI/bge-m3", "embeddings"),
        ("intfloat/multilingual-e5-large", "embeddings"),
        ("Qwen3-Reranker-4B", "rerank"),
        ("bge-reranker-base", "rerank"),
    ],
)
def test_operations_by_name(name: str, expected: str) -> None:
    assert operations_of(name)[0] == expected
