"""The tokenizer: byte-level BPE of a thousand tokens, and the form in which a conversation is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.tiny_llama.lessons import AGES, MEMORIES, PAIRS, SYSTEMS, TONGUES, Person, Turn, fill
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PAD, START, END = range(3)
VOCABULARY = 1000

CHAT_TEMPLATE = """\
{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_NOBODY = Person(" ", 0)
_WEIGHT = 20
"""Every name and every age is worth a token: what is one token is easily copied."""


def make_tokenizer() -> Tokenizer:
    """A tokenizer made of the sentences, of names and of ages: a rare letter is several tokens, a name is few."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(CONTROLS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sentences(), trainer)
    return tokenizer


def opening(tokenizer: Tokenizer, turns: Sequence[Turn]) -> list[int]:
    """Tokens of a conversation up to the answer that is to come."""
    ids: list[int] = []
    for role, said in turns:
        ids += [START, *tokenizer.encode(f"{role}\n{said}").ids, END, *tokenizer.encode("\n").ids]
    return [*ids, START, *tokenizer.encode("assistant\n").ids]


def _sentences() -> Iterator[str]:
    said = [*SYSTEMS, MEMORIES, "system\n", "user\n", "assistant\n"]
    for pair in PAIRS:
        said += pair
    for tongue in TONGUES.values():
        said += [fill(one, _NOBODY) for one in tongue.intro]
        said += [fill(one, _NOBODY) for pair in tongue.asked for one in pair]
        said.append(tongue.unknown)
    # Twice: what is there once is not worth a token of its own.
    yield from said * 2
    names = [name for tongue in TONGUES.values() for name in tongue.names]
    for one in [*map(str, AGES), *names]:
        yield from (one, f" {one}") * _WEIGHT
