"""Documents of all formats with damage in them: blocks or an error of ours, soon."""

import random
import time
from collections import Counter

import pytest

from features.knowledge.parsing.writers import every_format
from roundhouse.core.errors import RoundhouseError

_SECONDS_A_FILE = 5.0


def mutated(content: bytes, chance: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(chance.choice((1, 2, 5, 20))):
        at = chance.randrange(len(found))
        match chance.randrange(6):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                found[at] ^= 1 << chance.randrange(8)
            case 2:
                del found[at : at + chance.randrange(1, 60)]
            case 3:
                found[at:at] = found[at : at + chance.randrange(1, 200)]
            case 4:
                found[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"9999")
                )
            case _:
                del found[max(at, 1) : None if chance.random() < 0.2 else max(at, 1) + 1]
        if len(found) < 2:
            break
    return bytes(found)


def run(take, count: int, seed: int) -> Counter[str]:
    documents = list(every_format().items())
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    for number in range(count):
        name, content = documents[number % len(documents)]
        damaged = mutated(content, chance)
        began = time.monotonic()
        try:
            take(damaged, name, max_chars=1_000_000)
            ends["read"] += 1
        except RoundhouseError as error:
            assert error.code != "internal_error"
            assert error.status < 500
            ends[error.code] += 1
        assert time.monotonic() - began < _SECONDS_A_FILE, (number, name)
    return ends


def test_some_mutated_files(take):
    ends = run(take, 200, 11)
    assert ends["read"] > 20
    assert ends["document_unreadable"] > 20


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_mutated_files(take, seed):
    ends = run(take, 1_000, 100 + seed)
    assert ends["read"] > 100
    assert ends["document_unreadable"] > 100
