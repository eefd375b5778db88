"""Compressed bodies, in pieces of bounded size."""

from __future__ import annotations

import gzip
import zlib

import pytest

from roundhouse.core.errors import BackendBadAnswer, BackendFailed
from roundhouse.infra.egress.decoding import Inflater

TEXT = bytes(range(256)) * 4096


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
    ],
)
def test_any_cut(name: str, packed: bytes, step: int) -> None:
    inflater = Inflater(name, "http://a")
    plain = b"".join(
        piece for at in range(0, len(packed), step) for piece in inflater.feed(packed[at : at + step])
    )
    inflater.finish()
    assert plain == TEXT


def test_pieces_are_bounded() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    assert max(len(piece) for piece in Inflater("gzip", "http://a").feed(bomb)) <= 256 * 1024


def test_broken_and_cut() -> None:
    with pytest.raises(BackendBadAnswer):
        list(Inflater("gzip", "http://a").feed(b"plain text"))
    with pytest.raises(BackendBadAnswer):
        list(Inflater("deflate", "http://a").feed(b"plain text"))
    cut = Inflater("gzip", "http://a")
    list(cut.feed(gzip.compress(TEXT)[:-4]))
    with pytest.raises(BackendFailed):
        cut.finish()
    with pytest.raises(BackendBadAnswer):
        Inflater("br", "http://a")


def test_nothing_is_nothing() -> None:
    inflater = Inflater("gzip", "http://a")
    assert list(inflater.feed(b"")) == []
    inflater.finish()
