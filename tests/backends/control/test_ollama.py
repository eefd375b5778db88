"""Ollama's models and memory against a scripted Ollama."""

from collections.abc import AsyncIterator

import pytest

from peers.asking import backend_context, provider_of
from peers.ollama import GIB, Has, OllamaPeer, ollama_peer
from peers.scripted import Fault
from roundhouse.backends.control.ollama import OllamaControl
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendDown,
    BackendFailed,
    DoesNotFit,
    ModelNotFound,
    NotSupported,
    RoundhouseError,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, PullProgress, RunningModel


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[OllamaPeer]:
    async with ollama_peer() as made:
        yield made


@pytest.fixture
def control(peer: OllamaPeer, context: BackendContext) -> OllamaControl:
    return OllamaControl(provider_of("ollama", peer.url), context)


async def test_models(control: OllamaControl) -> None:
    assert await control.models() == [
        ModelInfo(
            id="tiny:latest",
            operations=("chat", "completions"),
            inputs=("image",),
            context_tokens=8192,
            parameters_b=8.030261248,
            size_bytes=4 * GIB,
            quantization="Q4_K_M",
            family="llama",
            tools=True,
            created_s=1_786_834_508,
        ),
        ModelInfo(
            id="embedder:latest",
            operations=("embeddings",),
            context_tokens=512,
            parameters_b=0.022,
            size_bytes=46_000_000,
            quantization="Q4_K_M",
            family="bert",
            tools=False,
            created_s=1_786_834_508,
        ),
    ]


async def test_a_model_is_asked_for_once_per_version(control: OllamaControl, peer: OllamaPeer) -> None:
    await control.models()
    await control.models()
    assert len(peer.bodies("/api/show")) == 2
    peer.models["tiny:latest"] = Has(["completion"], digest="sha256:bb")
    assert (await control.models())[0].tools is False
    assert len(peer.bodies("/api/show")) == 3


async def test_a_broken_model_does_not_hide_the_others(control: OllamaControl, peer: OllamaPeer) -> None:
    peer.fail("/api/show", Fault(500, {"error": "corrupt"}))
    broken, whole = sorted(await control.models(), key=lambda info: info.tools is not None)
    assert (broken.tools, broken.context_tokens) == (None, None)
    assert broken.size_bytes
    assert broken.parameters_b
    assert whole.context_tokens
    assert all(info.tools is not None for info in await control.models())


async def test_an_older_ollama_tells_less(control: OllamaControl, peer: OllamaPeer) -> None:
    peer.models = {"old": Has(), "old-embedder": Has(family="nomic-bert")}
    chat, embedder = await control.models()
    assert (chat.tools, chat.operations) == (None, ("chat", "completions", "embeddings"))
    assert embedder.operations == ("embeddings",)


async def test_the_context_is_what_the_operator_loads_it_with(
    peer: OllamaPeer, context: BackendContext
) -> None:
    control = OllamaControl(provider_of("ollama", peer.url, options={"num_ctx": 4096}), context)
    assert [info.context_tokens for info in await control.models()] == [4096, 512]


async def test_running(control: OllamaControl, peer: OllamaPeer) -> None:
    assert await control.running() == []
    await control.load("tiny")
    peer.models["tiny:latest"].on_card = 0.75
    assert await control.running() == [RunningModel("tiny:latest", 3072, 1024, 1_800_000_300.5)]
    await control.load("tiny", keep_alive_s=-1)
    assert (await control.running())[0].expires_at_s is None
    await control.unload("tiny")
    await control.unload("tiny")
    assert await control.running() == []
    assert peer.bodies("/api/generate")[:2] == [
        {"model": "tiny", "stream": False, "options": {}},
        {"model": "tiny", "stream": False, "options": {}, "keep_alive": -1},
    ]


async def test_load_with_the_operators_options(peer: OllamaPeer, context: BackendContext) -> None:
    options = {"num_ctx": 512, "keep_alive_s": 60}
    control = OllamaControl(provider_of("ollama", peer.url, options=options), context)
    await control.load("tiny")
    assert peer.bodies("/api/generate") == [
        {"model": "tiny", "stream": False, "options": {"num_ctx": 512}, "keep_alive": 60}
    ]


async def test_load_and_unload_of_a_model_that_only_embeds(control: OllamaControl) -> None:
    await control.load("embedder", keep_alive_s=30)
    assert [model.id for model in await control.running()] == ["embedder:latest"]
    await control.unload("embedder")
    assert await control.running() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(404, {"error": "model 'x' not found"}), ModelNotFound),
        (Fault(500, {"error": "model requires more system memory (9 GiB) than is available"}), DoesNotFit),
        (Fault(200, {"error": "model requires more system memory (9 GiB) than is available"}), DoesNotFit),
        (Fault(200, {"error": "model 'x' not found"}), ModelNotFound),
        (Fault(500, {"error": "broke"}), BackendFailed),
        (Fault(cut=True), BackendFailed),
    ],
)
async def test_faults_of_load(
    control: OllamaControl, peer: OllamaPeer, fault: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail("/api/generate", fault)
    with pytest.raises(error) as caught:
        await control.load("tiny")
    assert type(caught.value) is error


async def test_a_model_it_does_not_have(control: OllamaControl) -> None:
    with pytest.raises(ModelNotFound):
        await control.load("nothing")
    with pytest.raises(ModelNotFound):
        await control.unload("nothing")


@pytest.mark.parametrize("size", [None, 1, 50])
async def test_pull(control: OllamaControl, peer: OllamaPeer, size: int | None) -> None:
    peer.write_bytes = size
    assert [step async for step in control.pull("qwen:0.5b")] == [
        PullProgress("pulling manifest"),
        PullProgress("pulling 1111", 0, 1000),
        PullProgress("pulling 1111", 400, 1000),
        PullProgress("pulling 1111", 1000, 1000),
        PullProgress("pulling 2222", 1050, 1050),
        PullProgress("verifying sha256 digest", 1050, 1050),
        PullProgress("writing manifest", 1050, 1050),
        PullProgress("success", 1050, 1050),
    ]
    assert "qwen:0.5b" in [info.id for info in await control.models()]


async def test_pull_of_a_model_that_does_not_exist(control: OllamaControl) -> None:
    with pytest.raises(ModelNotFound):
        _ = [step async for step in control.pull("nonsense")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(after=3), BackendFailed),
        (Fault(after=3, cut=True), BackendFailed),
        (Fault(after=3, tail=b'{"error":"no space left on device"}\n'), BackendFailed),
        (Fault(after=3, tail=b"nonsense\n"), BackendBadAnswer),
        (Fault(500, {"error": "broke"}), BackendFailed),
    ],
)
async def test_faults_of_pull(
    control: OllamaControl, peer: OllamaPeer, fault: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail("/api/pull", fault)
    steps: list[PullProgress] = []
    with pytest.raises(error) as caught:
        async for step in control.pull("qwen:0.5b"):
            steps.append(step)
    assert type(caught.value) is error
    assert len(steps) == (fault.after or 0)


async def test_leaving_a_pull_stops_it(control: OllamaControl, peer: OllamaPeer) -> None:
    peer.fail("/api/pull", Fault(after=3, hang=True))
    steps = control.pull("qwen:0.5b")
    await anext(steps)
    await steps.aclose()
    await peer.left.wait()


async def test_who_manages_memory(peer: OllamaPeer, context: BackendContext) -> None:
    assert OllamaControl(provider_of("ollama", ""), context).manages_memory
    cloud = provider_of("ollama", "https://ollama.com", options={"manages_memory": False})
    assert not OllamaControl(cloud, context).manages_memory


async def test_no_server(context: BackendContext) -> None:
    with pytest.raises(BackendDown):
        await OllamaControl(provider_of("ollama", "http://127.0.0.1:9"), context).models()


async def test_an_ollama_that_lists_nothing(control: OllamaControl, peer: OllamaPeer) -> None:
    peer.fail("/api/tags", Fault(200, {"models": None}))
    assert await control.models() == []
    peer.fail("/api/tags", Fault(200, []))
    with pytest.raises(BackendBadAnswer):
        await control.models()
    peer.fail("/api/ps", Fault(400, {"error": "this cloud does not support ps"}))
    with pytest.raises(NotSupported):
        await control.running()
