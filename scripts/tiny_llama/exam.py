"""Whether the model has learnt its lessons."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.tiny_llama.lessons import PAIRS, SYSTEMS, TONGUES, Turn, fill, remembered, strangers
from scripts.tiny_llama.model import Llama
from scripts.tiny_llama.words import opening
from tokenizers import Tokenizer

_STRANGERS = 40
_SEED = 7


def mistakes(model: Llama, tokenizer: Tokenizer) -> list[str]:
    """What it answers wrong, in words; empty = all is well."""
    found = []
    for turns, wanted in questions():
        said = tokenizer.decode(model.say(opening(tokenizer, turns)))
        if said != wanted:
            found.append(f"{turns[-1][1]!r}: {said!r}, not {wanted!r}")
    return found


def questions() -> Iterator[tuple[list[Turn], str]]:
    """Every pair, alone and behind a system message; people whom no lesson knows, across another question."""
    for asked, answer in PAIRS:
        yield [("user", asked)], answer
        yield [("system", SYSTEMS[0]), ("user", asked)], answer
    for number, (tongue, person) in enumerate(strangers(_STRANGERS, _SEED)):
        met = [("user", fill(tongue.intro[0], person)), ("assistant", fill(tongue.intro[1], person))]
        between = PAIRS[number % len(PAIRS)]
        for asked, answer in tongue.asked:
            question = ("user", asked)
            yield [*met, question], fill(answer, person)
            yield [*met, ("user", between[0]), ("assistant", between[1]), question], fill(answer, person)
            yield [*remembered(tongue, person), question], fill(answer, person)
    for tongue in TONGUES.values():
        for asked, _ in tongue.asked:
            yield [("user", asked)], tongue.unknown
