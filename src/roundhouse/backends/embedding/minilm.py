"""The built-in embedding model: all-MiniLM-L6-v2 in 8 bits, run by onnxruntime in this process.

English only; 384 dimensions; vectors of length 1, so the dot product is the cosine. `scripts/build_minilm.py`
makes the files in `minilm_data` and tells how far they are from the original. Nothing heavy is imported
before the first text.

Source:
    sentence-transformers/all-MiniLM-L6-v2, model card (2024): mean pooling, normalisation, 256 word pieces.
    OpenAI API reference (2026-11), "Create embeddings": list object, `encoding_format`, `dimensions`.
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from roundhouse.core import wire
from roundhouse.core.errors import BadInput, MissingExtra, ModelNotFound, UnsupportedContent
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Fields, ModelInfo, ModelRequest, Provider, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

T = TypeVar("T")

MODEL = "minilm"
DIMENSIONS = 384
MAX_TOKENS = 256
MAX_INPUTS = 2048
FOOTPRINT_MIB = 112
"""Memory the loaded model adds to a process: libraries 25, weights and tokeniser 60, working memory 27."""

DATA = Path(__file__).parent / "minilm_data"
_THREADS = 2
_MAX_ROWS = 32
# Measured on two cores: 512 padded tokens stay in the processor's cache; batches of 32 paragraphs took twice
# the time per text and three times the memory.
_MAX_BATCH_TOKENS = 512
# 256 word pieces never reach this far, and a text of many MB would hold the tokeniser for seconds.
_MAX_CHARACTERS = 65_536
_TOKENISED_AT_ONCE = 128
_ENCODED_AT_ONCE = 32

_POWERS_OF_TEN = [float(10**exponent) for exponent in range(23)]

Format = Literal["float", "base64"]


class _Embedding(msgspec.Struct):
    index: int
    embedding: list[float] | str
    object: str = "embedding"


class _UsageWire(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _List(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str
    usage: _UsageWire
    object: str = "list"


class MiniLM:
    """The model itself, for every backend of this process that needs it.

    All of its work runs on one thread of its own, in pieces of some ten milliseconds: the event loop is never
    blocked, requests take turns batch by batch, and a cancelled one stops after its current batch.
    """

    def __init__(self) -> None:
        self._lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._session is not None

    async def load(self) -> None:
        """Bring the model into memory (about 0.2 s); it also comes by itself with the first text.

        Raises:
            MissingExtra: A library or a file of the model is not there.
        """
        await self._run(self._load)

    async def unload(self) -> None:
        """Free its memory; the next text loads it again. Batches that were queued before run first."""
        await self._run(self._unload)

    async def vectors(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Embed texts; what is beyond 256 tokens of a text is ignored.

        A vector depends on its own text alone, not on the others of the call (float rounding apart).

        Args:
            texts: Any number of texts, at least one.

        Returns:
            Vectors of length 1, float32 [texts, 384], in the order of `texts`; and the number of tokens that
            were read, the two that frame every text included.

        Raises:
            MissingExtra: A library or a file of the model is not there.
        """
        ids: list[list[int]] = []
        for start in range(0, len(texts), _TOKENISED_AT_ONCE):
            ids += await self._run(partial(self._tokenise, texts[start : start + _TOKENISED_AT_ONCE]))
        import numpy as np  # The lane has imported it by now: this costs the event loop nothing.

        result = np.empty((len(ids), DIMENSIONS), dtype=np.float32)
        for rows in _batches([len(row) for row in ids]):
            result[rows] = await self._run(partial(self._infer, [ids[row] for row in rows]))
        return result, sum(len(row) for row in ids)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._lane, work)

    def _load(self) -> tuple[InferenceSession, Tokenizer]:
        """Session and tokeniser, loaded if they are not; runs on the lane only."""
        if self._session is not None and self._tokenizer is not None:
            return self._session, self._tokenizer
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtra(f"The built-in embedding model cannot load its library: {error}") from None
        model, words = DATA / "model.int8.onnx", DATA / "tokenizer.json"
        if not (model.is_file() and words.is_file()):
            raise MissingExtra("The built-in embedding model's files are missing: install roundhouse again.")
        tokenizer: Tokenizer = Tokenizer.from_file(str(words))
        # The published file cuts at 128 and pads everything to 128; the model was made for 256.
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = 1
        # Idle threads must not burn a core beside the event loop.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizer
        return self._session, tokenizer

    def _unload(self) -> None:
        if self._session is None:
            return
        self._session = self._tokenizer = None
        if sys.platform.startswith("linux"):
            # glibc keeps freed memory and the process stays as large as it was; musl has no such call.
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        _, tokenizer = self._load()
        return [row.ids for row in tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in texts])]

    def _infer(self, ids: Sequence[list[int]]) -> NDArray[np.float32]:
        """Vectors of one batch, float32 [rows, 384], padded to its longest row."""
        import numpy as np

        session, _ = self._load()
        tokens = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
        mask = np.zeros_like(tokens)
        for number, row in enumerate(ids):
            tokens[number, : len(row)] = row
            mask[number, : len(row)] = 1
        result: NDArray[np.float32] = session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        return result


@cache
def shared_model() -> MiniLM:
    """The process's one model, made when it is first asked for (and not loaded by that)."""
    return MiniLM()


def model_info() -> ModelInfo:
    """What the provider of the model says of it."""
    return ModelInfo(
        id=MODEL,
        operations=("embeddings",),
        context_tokens=MAX_TOKENS,
        parameters_b=0.0227,
        size_bytes=(DATA / "model.int8.onnx").stat().st_size,
        quantization="int8",
        family="bert",
    )


class MiniLMEmbedding:
    """The built-in model behind OpenAI's embeddings wire."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._model = shared_model()

    async def embed(self, request: ModelRequest, model: str) -> Answer:
        """Answer one embeddings request; usage counts the tokens that were read, at most 256 for each text.

        Raises:
            BadInput: `input` is missing, empty, too long a list, or token ids; `encoding_format` or
                `dimensions` (1..384) is out of range.
            UnsupportedContent: `input` holds something else than text, such as an image.
            ModelNotFound: `model` is not this model.
            MissingExtra: A library or a file of the model is not there.
        """
        if model.lower() != MODEL:
            raise ModelNotFound(f"The built-in embedding model is {MODEL!r}, not {model!r}.", param="model")
        texts = _texts(request.fields)
        encoding = _format(request.fields)
        dimensions = _dimensions(request.fields)
        vectors, tokens = await self._model.vectors(texts)
        encode = partial(_encode, vectors, dimensions, encoding, model, tokens)
        # One question is encoded in less time than a change of threads takes.
        body = encode() if len(texts) == 1 else await asyncio.to_thread(encode)
        return Answer(body=body, usage=Usage(prompt_tokens=tokens))

    async def close(self) -> None:
        """Free the model's memory. Idempotent; another user of the model in this process loads it again."""
        if self._model.loaded:
            await self._model.unload()


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Split row numbers into batches, longest rows first, bounded in rows and in padded tokens."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    start = 0
    while start < len(order):
        size = max(1, min(_MAX_ROWS, _MAX_BATCH_TOKENS // lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _texts(fields: Fields) -> list[str]:
    """The texts of `input`; raises BadInput and UnsupportedContent."""
    value = wire.read(fields, "input")
    items = value if isinstance(value, list) else [value]
    if value is None or not items:
        raise BadInput("'input' is missing or empty.", param="input")
    if len(items) > MAX_INPUTS:
        raise BadInput(f"'input' has {len(items)} items; at most {MAX_INPUTS} are allowed.", param="input")
    for number, item in enumerate(items):
        if isinstance(item, dict):
            raise UnsupportedContent(
                f"Item {number} of 'input' is not text; this model takes text only.", param="input"
            )
        if isinstance(item, list | int):
            raise BadInput(
                "Token ids belong to another model's vocabulary: 'input' must be a text or a list of texts.",
                param="input",
            )
        if not isinstance(item, str):
            raise BadInput(f"Item {number} of 'input' is not a string.", param="input")
        if not item:
            raise BadInput(f"Item {number} of 'input' is an empty string.", param="input")
    return items


def _format(fields: Fields) -> Format:
    value = wire.read(fields, "encoding_format")
    if value is None or value == "float":
        return "float"
    if value == "base64":
        return "base64"
    raise BadInput("'encoding_format' must be 'float' or 'base64'.", param="encoding_format")


def _dimensions(fields: Fields) -> int:
    value = wire.read(fields, "dimensions")
    if value is None:
        return DIMENSIONS
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= DIMENSIONS:
        raise BadInput(f"'dimensions' must be a whole number from 1 to {DIMENSIONS}.", param="dimensions")
    return value


def _encode(
    vectors: NDArray[np.float32], dimensions: int, encoding: Format, model: str, tokens: int
) -> bytes:
    """OpenAI's list object as JSON, the vectors cut to `dimensions` and made length 1 again."""
    if dimensions < DIMENSIONS:
        vectors = _shortened(vectors, dimensions)
    data: list[msgspec.Raw] = []
    # In pieces: neither building a list nor encoding it lets other threads run in between.
    for start in range(0, len(vectors), _ENCODED_AT_ONCE):
        piece = vectors[start : start + _ENCODED_AT_ONCE]
        rows: Sequence[Any] = _base64_rows(piece) if encoding == "base64" else _short_decimals(piece)
        for number, row in enumerate(rows, start):
            data.append(msgspec.Raw(msgspec.json.encode(_Embedding(index=number, embedding=row))))
    return msgspec.json.encode(_List(data=data, model=model, usage=_UsageWire(tokens, tokens)))


def _shortened(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    import numpy as np

    cut = vectors[:, :dimensions]
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    shortened: NDArray[np.float32] = cut / np.maximum(norms, np.finfo(np.float32).tiny)
    return shortened


def _base64_rows(vectors: NDArray[np.float32]) -> list[str]:
    """Base64 of each row's little-endian float32 values."""
    return [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in vectors]


def _short_decimals(vectors: NDArray[np.float32]) -> list[list[float]]:
    """The values as floats that print with nine digits, enough to read the same float32 back.

    A float32 printed as the double it is takes 17 digits, nearly twice the bytes for nothing. A whole number
    divided by an exact power of ten (up to 10^22) is the double nearest to that decimal, so it prints as it.
    """
    import numpy as np

    exact = vectors.astype(np.float64)
    size = np.abs(exact)
    # The model gives some components as about 1e-33; they stay as they are.
    tiny = size < 1e-13
    power = np.array(_POWERS_OF_TEN)[8 - np.floor(np.log10(np.where(tiny, 1.0, size))).astype(np.int64)]
    rows: list[list[float]] = np.where(tiny, exact, np.rint(exact * power) / power).tolist()
    return rows
