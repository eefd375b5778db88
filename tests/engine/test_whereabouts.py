"""What is inside the house, and that a request which may not leave it is answered there or not at all."""

from pathlib import Path

import msgspec
import pytest

from roundhouse.app.parts import Parts
from roundhouse.core import wire
from roundhouse.core.errors import NotLocal
from roundhouse.core.settings import EngineSettings, Settings
from roundhouse.core.types import Alias, Caller, Device, ModelInfo, ModelRequest, Provider
from roundhouse.engine.whereabouts import Whereabouts

ANYWHERE = Caller("key_1")
INSIDE = msgspec.structs.replace(ANYWHERE, local_only=True)
NAMES = {
    "ollama.lan": ["192.168.7.4"],
    "both.example": ["10.0.0.7", "8.8.8.8"],
    "api.example": ["8.8.8.8"],
    "six.lan": ["fd12:3456::7"],
}


async def lookup(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("unknown")
    return NAMES[host]


@pytest.mark.parametrize(
    ("url", "kind", "inside"),
    [
        ("http://127.0.0.1:11434", "ollama", True),
        ("http://[::1]:8000/v1", "openai", True),
        ("http://10.1.2.3/v1", "openai", True),
        ("http://100.64.0.9/v1", "openai", True),
        ("http://ollama.lan:11434", "ollama", True),
        ("http://six.lan/v1", "openai", True),
        ("https://api.example/v1", "openai", False),
        ("https://both.example/v1", "openai", False),
        ("https://8.8.8.8/v1", "openai", False),
        ("http://[::ffff:8.8.8.8]/v1", "openai", False),
        ("http://169.254.169.254/v1", "openai", False),
        ("http://unknown.lan/v1", "openai", False),
        ("", "anthropic", False),
        ("", "whisper", True),
    ],
)
async def test_a_provider_is_where_all_its_addresses_are(url, kind, inside):
    where = Whereabouts((), lookup)
    found = await where.inside(["p/m", "p/n"], {"p": Provider("p", kind, url)})
    assert found == (["p/m", "p/n"] if inside else [])


async def test_what_is_passed_on_is_outside():
    where = Whereabouts(EngineSettings().outside_models, lookup)
    provider = {"ollama": Provider("ollama", "ollama", "http://127.0.0.1:11434")}
    targets = ["ollama/qwen3:8b", "ollama/gpt-oss:120b-cloud", "ollama/glm-4.6:cloud", "ollama/cloudy:7b"]
    assert await where.inside(targets, provider) == ["ollama/qwen3:8b", "ollama/cloudy:7b"]


class Probe:
    def devices(self) -> list[Device]:
        return [Device("cpu", "CPU", 16_000, 1_000)]


class Unheard:
    def attempted(self, target: str, error: BaseException | None) -> None:
        """Nobody listens."""


@pytest.fixture
async def engine(tmp_path: Path):
    """Two clouds, a server of the house, and aliases over them; nothing of it is dialled."""
    parts = Parts(Settings(data_dir=tmp_path), Probe(), lookup, Unheard())
    models = {
        "cloud": ("https://api.example/v1", [ModelInfo("gpt-x", parameters_b=400.0), ModelInfo("small")]),
        "sky": ("https://8.8.8.8/v1", [ModelInfo("claude-x", parameters_b=300.0)]),
        "lab": ("http://ollama.lan:11434/v1", [ModelInfo("qwen", parameters_b=0.5), ModelInfo("small")]),
    }
    aliases = (
        Alias("mixed", ("cloud/gpt-x", "lab/qwen", "sky/claude-x")),
        Alias("cheap", ("small",), context_fallbacks=("cloud/gpt-x",)),
        Alias("away", ("cloud/gpt-x", "sky/claude-x")),
    )
    await parts.engine.configure(
        [Provider(name, "openai", url) for name, (url, _) in models.items()], aliases
    )
    for name, (_, found) in models.items():
        parts.engine.catalog.listings[name].models = {one.id: one for one in found}
    parts.engine.router.forget()
    yield parts.engine
    await parts.engine.catalog.close()
    await parts.close()


def asking(model: str, caller: Caller) -> ModelRequest:
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    return ModelRequest("chat", model, wire.open_object(msgspec.json.encode(body)), caller)


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        ("mixed", ("lab/qwen",)),
        # Neither as the second of the name nor because the question is long.
        ("cheap", ("lab/small",)),
        ("small", ("lab/small",)),
        ("lab/qwen", ("lab/qwen",)),
    ],
)
async def test_of_several_models_those_inside_are_asked(engine, model, targets):
    assert (await engine.resolve(asking(model, INSIDE))).targets == targets
    assert any(
        one.startswith("cloud/") for one in (await engine.resolve(asking(model, ANYWHERE))).targets
    ) is (model != "lab/qwen")


@pytest.mark.parametrize("model", ["away", "gpt-x", "sky/claude-x"])
async def test_where_all_are_outside_none_is_asked(engine, model):
    with pytest.raises(NotLocal):
        await engine.resolve(asking(model, INSIDE))


async def test_the_choice_is_left_to_us_among_those_inside(engine):
    anywhere = (await engine.resolve(asking("auto", ANYWHERE))).targets
    assert any(one.startswith(("cloud/", "sky/")) for one in anywhere)
    inside = (await engine.resolve(asking("auto", INSIDE))).targets
    assert inside
    assert {one.partition("/")[0] for one in inside} <= {"lab", "roundhouse"}
