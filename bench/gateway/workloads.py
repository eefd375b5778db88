"""What is sent: request bodies, numbers of connections, and how long each measurement lasts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

EVENTS_PER_STREAM = 100
EVENT_DELAY_US = 20_000
MODEL = "mock-model"

# Non-ASCII on purpose: it slows JSON decoding, and a body of pure ASCII would flatter every parser.
_PROSE = (
    "The night shift wrote down every arrival, and the ledger shows which track was free. "
    "Đoàn tàu đến ga lúc nửa đêm, người trực ban ghi lại từng toa và số hiệu đầu máy. "
    "机车在转盘上缓缓转动,值班员核对编号,然后把它送进空着的车位。"
)


@dataclass(frozen=True)
class Timing:
    """Length of one measurement, in seconds: thrown-away load first, then the counted window."""

    warm_s: float
    window_s: float

    def scaled(self, factor: float) -> Timing:
        """The same measurement, shorter or longer by `factor`."""
        return Timing(self.warm_s * factor, self.window_s * factor)


@dataclass(frozen=True)
class Workload:
    """One row group of the report.

    `slow` is the timing of a candidate that answers some hundred times slower: a window must hold several
    requests of every connection, or it measures nothing.
    """

    name: str
    title: str
    body_bytes: int
    connections: int
    fast: Timing
    slow: Timing
    stream: bool = False
    paced: bool = False
    stagger_us: int = 0

    def timing(self, slow: bool) -> Timing:
        """The timing for a slow or an ordinary candidate."""
        return self.slow if slow else self.fast

    def quick(self) -> Workload:
        """A shorter version for a look at the machinery; its numbers are not for quoting."""
        if self.paced:
            return replace(self, fast=Timing(0.3, 2.0), slow=Timing(1.0, 4.0))
        return replace(self, fast=self.fast.scaled(0.4), slow=self.slow.scaled(0.5))


WORKLOADS = (
    Workload("c1", "1 KB, 1 connection", 1_100, 1, Timing(0.5, 1.5), Timing(2.0, 4.0)),
    Workload("c16", "1 KB, 16 connections", 1_100, 16, Timing(0.5, 2.0), Timing(2.0, 6.0)),
    Workload("c64", "1 KB, 64 connections", 1_100, 64, Timing(0.5, 1.5), Timing(3.0, 8.0)),
    Workload("k100", "100 KB, 8 connections", 100_000, 8, Timing(0.5, 1.5), Timing(2.0, 8.0)),
    Workload("m1", "1 MB, 4 connections", 1_000_000, 4, Timing(0.5, 2.0), Timing(3.0, 14.0)),
    Workload(
        "burst16",
        "16 streams of 100 events without pause",
        1_100,
        16,
        Timing(0.5, 1.5),
        Timing(3.0, 10.0),
        stream=True,
    ),
    Workload(
        "paced16",
        "16 streams of 100 events, one every 20 ms",
        1_100,
        16,
        Timing(0.5, 6.0),
        Timing(2.5, 8.0),
        stream=True,
        paced=True,
        # 16 x 111.25 ms spreads the starts over one stream's length (1.98 s), and the remainder to 20 ms
        # gives each stream a phase of its own: events arrive one by one, as they do in real use.
        stagger_us=111_250,
    ),
)


def request_body(workload: Workload) -> bytes:
    """The request of a workload as UTF-8 JSON of exactly `body_bytes` bytes.

    The `user` field carries the mark by which the mock upstream knows a paced stream: a gateway rewrites the
    model name, but not this.
    """
    document: dict[str, object] = {
        "model": MODEL,
        "stream": workload.stream,
        "user": "paced" if workload.paced else "bench",
    }
    if workload.stream:
        document["stream_options"] = {"include_usage": True}
    document |= {"temperature": 0.7, "max_tokens": 256}

    def encode(text: str) -> bytes:
        messages = [
            {"role": "system", "content": "You are the dispatcher of a small railway yard."},
            {"role": "user", "content": text},
            {"role": "user", "content": "Which engine leaves first? Answer in one sentence."},
        ]
        document["messages"] = messages
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    room = workload.body_bytes - len(encode(""))
    prose = (_PROSE * (room // len(_PROSE.encode()) + 1)).encode()[:room].decode(errors="ignore")
    return encode(prose + "." * (room - len(prose.encode())))
