"""MarkItDown and Chroma in an environment of their own: `python peer_markitdown.py FOLDER PATTERN…`.

Chroma's own embedding function would download its model; it is given the one of Roundhouse, so both embed with the same
model, the same way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import chromadb
from chromadb import Documents, EmbeddingFunction, Embeddings
from markitdown import MarkItDown

from roundhouse.backends.embedding.minilm import MiniLM

_MOST_CHARS = 1000
_WARM_UP = "A few words, so that what is loaded once is there."


class RoundhouseMiniLM(EmbeddingFunction[Documents]):
    """The built-in model of Roundhouse."""

    def __init__(self) -> None:
        self._model = MiniLM()

    def __call__(self, input: Documents) -> Embeddings:
        """Vectors of texts."""
        vectors, _ = asyncio.run(self._model.vectors(list(input)))
        return list(vectors)


def pieces(text: str) -> list[str]:
    """Paragraphs put together up to 1,000 characters; longer ones are cut."""
    found = [""]
    for paragraph in text.split("\n\n"):
        for start in range(0, len(paragraph), _MOST_CHARS):
            part = paragraph[start : start + _MOST_CHARS]
            if found[-1] and len(found[-1]) + len(part) + 2 > _MOST_CHARS:
                found.append("")
            found[-1] = f"{found[-1]}\n\n{part}" if found[-1] else part
    return [one for one in found if one.strip()]


def main() -> None:
    """Take in the files that match each pattern, and print what that took."""
    folder = Path(sys.argv[1])
    converter = MarkItDown()
    client: Any = chromadb.PersistentClient(str(folder / "chroma"))
    warm = client.create_collection("warm", embedding_function=RoundhouseMiniLM())
    warm.add(ids=["0"], documents=[_WARM_UP])
    answer = {}
    for pattern in sys.argv[2:]:
        collection = client.create_collection(
            f"of-{pattern[-4:].strip('*.')}", embedding_function=RoundhouseMiniLM()
        )
        files = sorted(folder.glob(pattern))
        # What is loaded for a format at its first file is there afterwards, as in a server that has run for a while.
        warm.add(ids=[pattern], documents=[converter.convert(str(files[0])).text_content[:100]])
        begun_s, begun_cpu = time.perf_counter(), os.times()
        for path in files:
            texts = pieces(converter.convert(str(path)).text_content)
            places = [{"file": path.name, "place": place} for place in range(len(texts))]
            ids = [f"{path.name} {place}" for place in range(len(texts))]
            collection.add(ids=ids, documents=texts, metadatas=places)
        ended_cpu = os.times()
        answer[pattern] = {
            "wall_s": time.perf_counter() - begun_s,
            "cpu_s": ended_cpu.user + ended_cpu.system - begun_cpu.user - begun_cpu.system,
            "passages": collection.count(),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
