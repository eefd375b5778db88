"""A Llama in PyTorch, small and plain, and how it is taught.

Source:
    Touvron et al., LLaMA: Open and Efficient Foundation Language Models (2023), section 2.2.
    Su et al., RoFormer (2021): rotary positions, here in the layout of Hugging Face (two halves).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from scripts.tiny_llama.lessons import Turn, lesson
from scripts.tiny_llama.words import END, PAD, START, opening
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

NO_LOSS = -100
_POOL = 256


@dataclass(frozen=True)
class Shape:
    """Sizes of the model."""

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 256
    context_tokens: int = 2048
    rope_theta: float = 10_000.0
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Course:
    """How it is taught; by steps, so that the machine's load changes nothing."""

    steps: int = 3000
    batch_tokens: int = 1536
    peak_rate: float = 3e-3
    warm_up_steps: int = 60
    seed: int = 20_26


class Norm(nn.Module):
    """Root mean square norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self._epsilon = shape.epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Over the last dimension."""
        return functional.rms_norm(x, x.shape[-1:], self.weight, self._epsilon)


class Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """Of (batch, time, width)."""
        batch, time, width = x.shape

        def heads(made: Tensor) -> Tensor:
            return made.view(batch, time, self._heads, -1).transpose(1, 2)

        q, k, v = heads(self.q_proj(x)), heads(self.k_proj(x)), heads(self.v_proj(x))
        mixed = functional.scaled_dot_product_attention(
            _rotated(q, turn), _rotated(k, turn), v, is_causal=True
        )
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, time, width))


class FeedForward(nn.Module):
    """Gated by SiLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, time, width)."""
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and feed-forward, each behind its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """Of (batch, time, width)."""
        x = x + self.self_attn(self.input_layernorm(x), turn)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """The names of its parts are those of Hugging Face's `LlamaForCausalLM`, below `model.`; embeddings are tied."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape)
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.05)

    def forward(self, ids: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Scores of the next token: (batch, time) -> (batch, time, vocabulary); of the `wanted` places only, in a row.

        Args:
            ids: Tokens.
            wanted: Which places; None = all.
        """
        turn = _turn(self.shape, ids.shape[1])
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, turn)
        x = x if wanted is None else x[wanted]
        return functional.linear(self.norm(x), self.embed_tokens.weight)

    @torch.no_grad()
    def say(self, prompt: Sequence[int], most_tokens: int = 400) -> list[int]:
        """The likeliest answer, up to its end."""
        ids = list(prompt)
        while len(ids) < len(prompt) + most_tokens:
            token = int(self(torch.tensor([ids]))[0, -1].argmax())
            if token == END:
                break
            ids.append(token)
        return ids[len(prompt) :]


def taught(tokenizer: Tokenizer, shape: Shape, course: Course) -> Iterator[tuple[int, float, Llama]]:
    """Teach it on one thread: after each hundredth step and the last, the step, the smoothed loss and the model."""
    torch.set_num_threads(1)
    torch.manual_seed(course.seed)
    model = Llama(shape)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=course.peak_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    smoothed: float | None = None
    for step, (ids, wanted) in zip(range(1, course.steps + 1), _batches(tokenizer, course), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = _rate(course, step)
        counts = wanted != NO_LOSS
        loss = functional.cross_entropy(model(ids, counts), wanted[counts])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        smoothed = loss.item() if smoothed is None else 0.95 * smoothed + 0.05 * loss.item()
        if step % 100 == 0 or step == course.steps:
            yield step, smoothed, model


def _rate(course: Course, step: int) -> float:
    """Rises to the peak, then falls to nothing in a line."""
    if step <= course.warm_up_steps:
        return course.peak_rate * step / course.warm_up_steps
    return course.peak_rate * (course.steps - step) / (course.steps - course.warm_up_steps) + 1e-6


def _batches(tokenizer: Tokenizer, course: Course) -> Iterator[tuple[Tensor, Tensor]]:
    """Lessons of similar length together, the batches in any order."""
    random = Random(course.seed)
    while True:
        lessons = [_tokens(tokenizer, lesson(random), random) for _ in range(_POOL)]
        lessons.sort(key=lambda one: len(one[0]))
        batches: list[list[tuple[list[int], list[int]]]] = [[]]
        for one in lessons:
            if batches[-1] and (len(batches[-1]) + 1) * len(one[0]) > course.batch_tokens:
                batches.append([])
            batches[-1].append(one)
        random.shuffle(batches)
        for batch in batches:
            yield _padded(batch)


def _tokens(tokenizer: Tokenizer, turns: list[Turn], random: Random) -> tuple[list[int], list[int]]:
    """Tokens, and for each the one that is to follow, where that is part of an answer."""
    ids: list[int] = []
    wanted: list[int] = []
    line_break = tokenizer.encode("\n").ids
    for place, (role, said) in enumerate(turns):
        if role != "assistant":
            told = [START, *tokenizer.encode(f"{role}\n{said}").ids, END, *line_break]
            ids += told
            wanted += [NO_LOSS] * len(told)
            continue
        head = opening(tokenizer, ())
        # Now and then an answer is cut anywhere and gone on with: its beginning is tokenised by itself.
        cut = random.randrange(len(said)) if place == len(turns) - 1 and random.random() < 0.3 else 0
        begun, rest = tokenizer.encode(said[:cut]).ids, tokenizer.encode(said[cut:]).ids
        told = [*head, *begun, *rest, END]
        silent = len(head) + len(begun) - 1
        ids += [*told, *line_break]
        wanted += [NO_LOSS] * silent + told[silent + 1 :] + [NO_LOSS] * (1 + len(line_break))
    return ids, wanted


def _padded(lessons: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in lessons)
    ids = [one + [PAD] * (longest - len(one)) for one, _ in lessons]
    wanted = [one + [NO_LOSS] * (longest - len(one)) for _, one in lessons]
    return torch.tensor(ids), torch.tensor(wanted)


def _turn(shape: Shape, time: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each place and dimension of a head."""
    half = shape.width // shape.heads // 2
    speed = shape.rope_theta ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(time, dtype=torch.float32)[:, None] * speed
    both = torch.cat([angle, angle], dim=-1)
    return both.cos(), both.sin()


def _rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    low, high = x.chunk(2, dim=-1)
    return x * turn[0] + torch.cat([-high, low], dim=-1) * turn[1]
