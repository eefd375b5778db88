"""What the engine knows of models, and summaries by the real built-in model."""

from pathlib import Path
from typing import Any

import pytest

from features.chat.context.making import message, words
from roundhouse.app.parts import Parts
from roundhouse.core.errors import RateLimited, RoundhouseError
from roundhouse.core.settings import Settings
from roundhouse.core.types import Alias, Caller, Device, ModelInfo, Provider, UsageRecord
from roundhouse.engine.limits import (
    OLLAMA_WINDOW_TOKENS,
    UNKNOWN_WINDOW_TOKENS,
    EngineLimits,
)
from roundhouse.engine.metering import Meter
from roundhouse.engine.tokens import counter
from roundhouse.features.chat.context.settings import ContextSettings
from roundhouse.features.chat.context.summarising import EngineSummary
from roundhouse.features.chat.context.summary import plan
from roundhouse.features.chat.context.window import fit
from roundhouse.infra.clock import SystemClock

CALLER = Caller(key_id="key_1")
CHINESE = "昨天我们决定把每周的会议改到星期四上午。"


class Probe:
    def devices(self) -> list[Device]:
        return [Device("cpu", "CPU", 16_000, 1_000)]


class Unheard:
    def attempted(self, target: str, error: BaseException | None) -> None:
        """Nobody listens."""


@pytest.fixture
async def engine(tmp_path: Path):
    async def lookup(*_: Any) -> Any:
        raise AssertionError("no name is looked up here")

    parts = Parts(Settings(data_dir=tmp_path), Probe(), lookup, Unheard())
    yield parts.engine
    await parts.engine.catalog.close()
    await parts.close()


async def configured(
    engine: Any, infos: dict[str, list[ModelInfo]], *aliases: Alias, **options: Any
) -> EngineLimits:
    kinds = {"ollama": "ollama", "tuned": "ollama", "cloud": "openai"}
    providers = [
        Provider(
            name=name,
            kind=kinds[name],
            url="http://127.0.0.1:9",
            options={"num_ctx": 16_384} if name == "tuned" else {},
        )
        for name in infos
    ]
    await engine.configure(providers, aliases)
    for name, models in infos.items():
        engine.catalog.listings[name].models = {one.id: one for one in models}
    engine.router.forget()
    return EngineLimits(engine)


async def test_a_model_has_the_window_that_its_provider_tells(engine):
    limits = await configured(
        engine, {"cloud": [ModelInfo("gpt-4o", context_tokens=128_000), ModelInfo("new")]}
    )
    assert limits.of(CALLER, "gpt-4o").window_tokens == 128_000
    assert limits.of(CALLER, "cloud/gpt-4o").count(CHINESE) == counter(ModelInfo("gpt-4o"))(CHINESE)
    assert limits.of(CALLER, "new").window_tokens == UNKNOWN_WINDOW_TOKENS


async def test_ollama_is_asked_no_more_than_it_loads(engine):
    model = ModelInfo("llama3.1:8b", context_tokens=131_072)
    tuned = ModelInfo("qwen3:8b", context_tokens=16_384)
    limits = await configured(engine, {"ollama": [model], "tuned": [tuned]})
    assert limits.of(CALLER, "llama3.1:8b").window_tokens == OLLAMA_WINDOW_TOKENS
    assert limits.of(CALLER, "qwen3:8b").window_tokens == 16_384


async def test_an_alias_is_as_narrow_as_its_narrowest_model(engine):
    infos = {"cloud": [ModelInfo("gpt-4o", context_tokens=128_000), ModelInfo("llama2", context_tokens=4096)]}
    limits = await configured(engine, infos, Alias("chat", ("gpt-4o", "llama2")))
    found = limits.of(CALLER, "chat")
    assert found.window_tokens == 4096
    assert found.count(CHINESE) == counter(ModelInfo("llama2"))(CHINESE)


async def test_an_unknown_model_is_no_fault_of_the_context(engine):
    limits = await configured(engine, {})
    found = limits.of(CALLER, "nobody-knows")
    assert found.window_tokens == UNKNOWN_WINDOW_TOKENS
    assert found.count(CHINESE) == counter(None)(CHINESE)


async def test_auto_is_the_model_that_would_be_chosen(engine):
    limits = await configured(engine, {"cloud": [ModelInfo("gpt-4o", context_tokens=128_000)]})
    assert limits.of(CALLER, "auto", "Hello").window_tokens == 128_000


class Counted:
    """A gatekeeper, a record of use, prices and metrics that are looked at."""

    def __init__(self, refusal: RoundhouseError | None = None) -> None:
        self.refusal = refusal
        self.settled: list[int] = []
        self.records: list[UsageRecord] = []
        self.meter = Meter(self, self, self, self, SystemClock())

    def admit(self, caller):
        if self.refusal is not None:
            raise self.refusal

    def settle(self, caller, tokens, cost_usd):
        self.settled.append(tokens)

    def cost_usd(self, target, usage):
        return 0.25

    def record(self, record):
        self.records.append(record)

    def observe(self, record):
        assert record is self.records[-1]


async def test_a_summary_is_counted_like_any_other_call(engine):
    await engine.configure([], [])
    await engine.catalog.refresh(older_than_s=0)
    counted = Counted()
    asked = [{"role": "user", "content": "I live in Hue. Where do I live?"}]
    await EngineSummary(engine, counted.meter)(CALLER, "extractive", asked)
    (record,) = counted.records
    assert (record.operation, record.requested_model, record.status) == ("chat", "extractive", 200)
    assert (record.key_id, record.cost_usd) == (CALLER.key_id, 0.25)
    assert counted.settled == [record.prompt_tokens + record.completion_tokens]
    assert record.prompt_tokens > 0
    with pytest.raises(RoundhouseError):
        await EngineSummary(engine, counted.meter)(CALLER, "nobody-knows", asked)
    assert counted.records[-1].error_code == "model_not_found"
    refused = Counted(RateLimited("Too many."))
    with pytest.raises(RateLimited):
        await EngineSummary(engine, refused.meter)(CALLER, "extractive", asked)
    assert refused.records == []
    assert refused.settled == []


async def test_the_built_in_model_summarises_by_quoting(engine):
    await engine.configure([], [])
    await engine.catalog.refresh(older_than_s=0)
    said = [
        "My name is Lan and I am planning a trip to Hue in March.",
        "Nice to meet you, Lan. Hue is lovely in March.",
        "The budget is 900 dollars and the hotel must have a garden.",
        "A garden hotel by the river costs about 60 dollars a night.",
    ]
    history = [
        message(one, "user" if one % 2 == 0 else "assistant", said[one % 4] + f" ({one})")
        for one in range(12)
    ]
    due = plan(
        history,
        settings=ContextSettings(strategy="summary"),
        count=words,
        budget_tokens=120,
        writer_tokens=10_000,
    )
    assert due is not None
    text = await EngineSummary(engine, Counted().meter)(CALLER, "extractive", due.messages)
    assert "Lan" in text or "900" in text or "garden" in text
    assert "Summarise" not in text
    quoted = [one for one in said if one in text]
    assert quoted


async def test_the_built_in_model_answers_from_an_earlier_turn(engine):
    await engine.configure([], [])
    await engine.catalog.refresh(older_than_s=0)
    history = [message(0, content="我叫张三,今年25岁"), message(1, "assistant", "你好，张三！")]
    told = fit(
        history,
        message(2, content="我叫什么名字?多大了?"),
        system="Be brief.",
        facts=["The office is closed on Fridays."],
        settings=ContextSettings(),
        count=counter(None),
        budget_tokens=2000,
        memories=["Likes tea."],
    )
    text = await EngineSummary(engine, Counted().meter)(
        CALLER, "extractive", [one.wire() for one in told.turns]
    )
    assert "我叫张三,今年25岁" in text


async def test_a_summariser_that_is_not_there_is_an_error(engine):
    await engine.configure([], [])
    with pytest.raises(RoundhouseError):
        await EngineSummary(engine, Counted().meter)(
            CALLER, "nobody-knows", [{"role": "user", "content": "x"}]
        )
