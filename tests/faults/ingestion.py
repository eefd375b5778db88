"""Documents in an installation that is to be broken: taking them in, and what is found of them."""

from __future__ import annotations

import http.client
import json
import random
import time
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from faults.product import KEY, Product
from faults.recordings import Watch
from faults.truth import Truth
from roundhouse.core.vectors import key_of
from roundhouse.features.knowledge.chunking.chunks import chunks_of

STAGES = ("parse", "passages", "embed", "publish", "index")
STATIC = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
AUTO = {"type": "auto"}
PARTS = 420
LONGEST_S = 40.0


def settings(delay_s: float) -> dict[str, str]:
    """Two embedding models that take their time for each request."""
    providers = [
        {
            "name": "slow",
            "kind": "fake",
            "models": ["words", "others"],
            "options": {"delay_s": delay_s, "dimensions": 256},
        }
    ]
    return {
        "PROVIDERS": json.dumps(providers),
        "KNOWLEDGE__EMBEDDING_MODEL": "slow/words",
        "KNOWLEDGE__VECTORS": "embedded",
        "LOG__LEVEL": "warning",
    }


def text_of(number: int) -> str:
    """A text that no other number has; no two of its parts are alike."""
    return "\n\n".join(f"# Part {part}\n\nText {number} says {part * number} here." for part in range(PARTS))


def ask(product: Product, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """A request whose answer must be good; its JSON."""
    connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=60)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    told = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request(
        method, path, data, told | {name.replace("_", "-"): one for name, one in headers.items()}
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status in (200, 202), content
    return json.loads(content)


def upload(product: Product, text: str) -> str:
    """Id of a new file."""
    edge = "roundhouse-test-edge"
    body = (
        f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n{text}\r\n--{edge}--\r\n'
    )
    kind = f"multipart/form-data; boundary={edge}"
    return str(ask(product, "POST", "/v1/files", body.encode(), Content_Type=kind)["id"])


def found(product: Product, store_id: str, file_id: str) -> list[str]:
    """Passages that are found of a file, in order."""
    texts: list[str] = []
    page = ""
    while True:
        path = f"/v1/vector_stores/{store_id}/files/{file_id}/content{page}"
        answer = ask(product, "GET", path)
        texts += [one["text"] for one in answer["data"]]
        if not answer["has_more"]:
            return texts
        page = f"?page={answer['next_page']}"


def check_whole(truth: Truth, store_id: str) -> int:
    """Every visible document has each of its passages once, and each chunk its vector; how many passages.

    Raises:
        AssertionError: Something is missing, or there twice.
    """
    (store,) = truth.rows(f"SELECT active_index FROM vector_stores WHERE id = '{store_id}'")
    seen = truth.rows(
        f"SELECT number, file_id, passages FROM documents WHERE store_id = '{store_id}' AND state = 'visible'"
    )
    assert len({one["file_id"] for one in seen}) == len(seen)
    for document in seen:
        rows = truth.rows(f"SELECT * FROM passages WHERE document = {document['number']} ORDER BY place")
        assert [one["place"] for one in rows] == list(range(document["passages"]))
        wanted = {
            key_of(one["number"], chunk.place)
            for one in rows
            for chunk in chunks_of(one["text"], one["kind"])
        }
        blocks = truth.rows(
            f"SELECT keys FROM vector_blocks WHERE index_number = {store['active_index']} "
            f"AND document = {document['number']} AND vectors > 0"
        )
        kept = [int(key) for one in blocks for key in np.frombuffer(one["keys"], "<i8")]
        assert set(kept) == wanted
        assert len(kept) == len(wanted)
    return sum(one["passages"] for one in seen)


def strike(watch: Watch, stage: str, chance: random.Random, length_s: float) -> bool:
    """Wait for a stage and kill whoever has the job, so long after it began at most; False when it passed before."""
    ends_s = time.monotonic() + LONGEST_S
    while time.monotonic() < ends_s:
        if watch.states()[stage] != "pending":
            time.sleep(chance.uniform(0, length_s))
            return watch.ended() is None and watch.kill()
        if watch.ended() is not None:
            return False
        time.sleep(0.002)
    raise AssertionError(f"{watch.job_id} does not come to {stage}")
