"""Recognisers and speakers behind the engine's one door."""

import asyncio
import sys
from pathlib import Path

import pytest

from contracts.sounds import wav
from peers import elsewhere
from roundhouse.core.audio import SpeechRequest, TranscriptionRequest
from roundhouse.core.errors import (
    BackendDown,
    BackendFailed,
    ModelNotFound,
    NotAllowed,
    NotSupported,
    WeightsMissing,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.settings import AsrSettings, CacheSettings, EngineSettings, OutboundSettings
from roundhouse.core.types import Alias, Caller, Decision, Device, Provider
from roundhouse.engine.engine import Engine
from roundhouse.engine.own import BUILTIN_PROVIDER, own_providers, whisper_provider
from roundhouse.engine.residency import Residency
from roundhouse.infra.cache import MemoryCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.hosting.hosts import Hosts
from roundhouse.infra.probe import FakeProbe

CALLER = Caller(key_id="key_a", scopes=frozenset({"inference"}))


class Heard:
    def __init__(self) -> None:
        self.tries: list[tuple[str, str | None]] = []

    def attempted(self, target, error) -> None:
        self.tries.append((target, error.code if error else None))


class House:
    """An engine over fake providers; `own` as in the product."""

    def __init__(self, folder: Path, preferred: str = "whisper/small") -> None:
        self.heard = Heard()
        clock = SystemClock()
        settings = EngineSettings(discover=False)
        devices = [Device("cpu", "CPU", 32_768, 1024)]
        self.residency = Residency(settings, FakeProbe(devices), clock)
        context = BackendContext(LeanClient(OutboundSettings()), None, folder, clock, Hosts(folder / "hosts"))
        cache = MemoryCache(1024, clock)
        own = (Provider("whisper", "whisper"), Provider("chunkformer", "chunkformer"), BUILTIN_PROVIDER)
        self.engine = Engine(
            settings, CacheSettings(), context, cache, self.residency, self.heard, own, preferred
        )

    def backend(self, provider: str, seam: str = "asr"):
        return getattr(self.engine.catalog.backends[provider], seam)

    async def hear(self, model: str, *, decision: Decision | None = None, **more):
        request = TranscriptionRequest(
            **{"model": model, "caller": CALLER, "audio": Path("x.wav"), "duration_s": 4.0, **more}
        )
        return await self.engine.transcribe(request, decision or Decision(model))


def fake(name: str, *models: str, **options) -> Provider:
    return Provider(name, "fake", models=models, options=options, retries=0)


@pytest.fixture
async def start(tmp_path):
    opened = []

    async def make(
        *providers: Provider, aliases: tuple[Alias, ...] = (), preferred: str = "whisper/small"
    ) -> House:
        house = House(tmp_path, preferred)
        await house.engine.start(providers, aliases)
        opened.append(house)
        return house

    yield make
    for house in opened:
        await house.engine.close()


async def texts(hearing) -> list[str]:
    return [segment.text async for segment in hearing]


async def test_a_recogniser_by_name_and_what_is_told_of_it(start):
    house = await start(fake("desk", "whisper-x", reply="one|two"))
    decision = Decision("desk/whisper-x")
    hearing = await house.hear("desk/whisper-x", decision=decision, language="vi")
    assert await texts(hearing) == ["one", "two"]
    assert hearing.recognition.language == "vi"
    assert (decision.target, decision.reason) == ("desk/whisper-x", "direct")
    assert [one.error for one in decision.attempts] == [None]
    assert house.heard.tries == [("desk/whisper-x", None)]
    assert house.backend("desk").open_streams == 0


async def test_nothing_said_is_a_good_answer(start):
    house = await start(fake("desk", "whisper-x", reply=""))
    assert await texts(await house.hear("whisper-x")) == []
    assert house.heard.tries == [("desk/whisper-x", None)]


async def test_the_next_target_hears_when_the_first_is_down(start):
    alias = Alias("ears", ("bad/whisper-x", "good/whisper-x"))
    house = await start(
        fake("bad", "whisper-x", fault={"code": "backend_down"}),
        fake("good", "whisper-x", reply="heard"),
        aliases=(alias,),
    )
    decision = Decision("ears")
    assert await texts(await house.hear("ears", decision=decision)) == ["heard"]
    assert [(one.target, one.error) for one in decision.attempts] == [
        ("bad/whisper-x", "backend_down"),
        ("good/whisper-x", None),
    ]


async def test_a_failure_after_the_first_segment_is_told_and_counted(start):
    house = await start(
        fake("desk", "whisper-x", reply="one|two", fault={"code": "backend_down", "after_pieces": 1})
    )
    hearing = await house.hear("whisper-x")
    said = []
    with pytest.raises(BackendDown):
        async for segment in hearing:
            said.append(segment.text)
    assert said == ["one"]
    assert house.heard.tries == [("desk/whisper-x", "backend_down")]


async def test_memory_is_leased_until_the_end_and_closing_stops_the_recogniser(start):
    house = await start(
        fake(
            "desk", "whisper-x", endless=True, manages_memory=True, models={"whisper-x": {"footprint_mib": 9}}
        )
    )
    hearing = await house.hear("desk/whisper-x")
    (resident,) = house.residency.status()
    assert (resident.target, resident.leases) == ("desk/whisper-x", 1)
    assert house.backend("desk").open_streams == 1
    await hearing.aclose()
    assert house.backend("desk").open_streams == 0
    await asyncio.sleep(0)
    assert house.residency.status()[0].leases == 0
    # Who is cancelled while the first segment is waited for leaves nothing behind either.
    house = await start(fake("desk", "whisper-x", delay_s=60.0))
    waiting = asyncio.create_task(house.hear("desk/whisper-x"))
    for _ in range(500):
        if house.backend("desk").open_streams:
            break
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert house.backend("desk").open_streams == 0


async def test_auto_takes_what_is_here_and_names_the_command_where_nothing_is(start):
    house = await start(fake("talk", "chatty"))
    for name in ("auto", "whisper-1", "whisper/small"):
        with pytest.raises(WeightsMissing, match="roundhouse models pull whisper/small") as caught:
            await house.hear(name)
        assert caught.value.model == "whisper/small"
        assert not caught.value.retryable
    with pytest.raises(WeightsMissing, match="pull whisper/some/body"):
        await house.hear("whisper/some/body")
    for name in ("whisper/typo", "nobody"):
        with pytest.raises(ModelNotFound):
            await house.hear(name)
    with pytest.raises(NotAllowed):
        await house.hear("auto", caller=Caller(key_id="k", models=("talk/*",)))
    with pytest.raises(NotSupported, match="does not serve transcriptions"):
        await house.hear("roundhouse/extractive")


async def test_what_is_large_or_under_a_licence_comes_by_command_only(start):
    house = await start()
    for name in ("chunkformer", "chunkformer/large-vie"):
        with pytest.raises(
            WeightsMissing, match=r"CC-BY-NC-4\.0.* models pull chunkformer/large-vie$"
        ) as caught:
            await house.hear(name, language="vi")
        assert (caught.value.model, caught.value.by_command) == ("chunkformer/large-vie", True)
    with pytest.raises(WeightsMissing) as caught:
        await house.hear("whisper")
    assert (caught.value.model, caught.value.by_command) == ("whisper/small", False)
    puller = house.engine.puller
    assert [puller(name) for name in ("chunkformer", "whisper", "chunkformer/org/name", "large-vie")] == [
        "chunkformer/large-vie",
        "whisper/small",
        "chunkformer/org/name",
        "chunkformer/large-vie",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a script of POSIX's shell")
async def test_auto_takes_chunkformer_for_vietnamese_where_it_is(start, tmp_path):
    elsewhere.chunkformer(tmp_path / "ears" / "ours")
    options = {"python": str(elsewhere.script(tmp_path / "bin")), "folders": [str(tmp_path / "ears")]}
    house = await start(
        Provider("chunkformer", "chunkformer", options={**options, "model": "ours"}),
        fake("desk", "whisper-x", model_info={"whisper-x": {"operations": ["transcriptions"]}}),
    )
    path, length_s = wav(tmp_path)
    for language, target, reason in (
        ("vi", "chunkformer/ours", "auto: made for Vietnamese"),
        ("en", "desk/whisper-x", "auto: the largest recogniser that fits"),
        (None, "desk/whisper-x", "auto: the largest recogniser that fits"),
    ):
        decision = Decision("auto")
        hearing = await house.hear(
            "auto", decision=decision, language=language, audio=path, duration_s=length_s
        )
        assert await texts(hearing)
        assert (decision.target, decision.reason) == (target, reason)
    # Its bare name is its model.
    assert await texts(await house.hear("chunkformer", audio=path, duration_s=length_s)) == ["xin chào"]
    await house.engine.context.hosts.close()


async def test_auto_stays_on_this_machine_and_looks_at_the_language(start):
    info = {"size_bytes": 10, "operations": ["transcriptions"]}
    house = await start(
        fake(
            "desk",
            "whisper-s",
            "whisper-l",
            "whisper-en",
            model_info={
                "whisper-s": info,
                "whisper-l": {**info, "size_bytes": 2 * 1024**3},
                "whisper-en": {**info, "size_bytes": 3 * 1024**3, "languages": ["en"]},
            },
            reply="heard",
        ),
        Provider("cloud", "openai", "http://127.0.0.1:9/v1", models=("whisper-9",)),
    )
    for language, target in ((None, "whisper-l"), ("vi", "whisper-l"), ("en", "whisper-en")):
        decision = Decision("auto")
        assert await texts(await house.hear("auto", decision=decision, language=language)) == ["heard"]
        assert decision.target == f"desk/{target}"
        assert decision.reason.startswith("auto: the largest recogniser")


async def test_a_recogniser_of_one_language_that_is_preferred_hears_what_nobody_told_the_language_of(start):
    info = {"size_bytes": 10, "operations": ["transcriptions"]}
    house = await start(
        fake("desk", "whisper-en", model_info={"whisper-en": {**info, "languages": ["en"]}}, reply="heard"),
        preferred="desk/whisper-en",
    )
    for language in (None, "en"):
        decision = Decision("auto")
        assert await texts(await house.hear("auto", decision=decision, language=language)) == ["heard"]
        assert decision.target == "desk/whisper-en"
    # It is there: to bring it would not help.
    with pytest.raises(NotSupported, match="'vi'") as refused:
        await house.hear("auto", language="vi")
    assert refused.value.param == "language"
    with pytest.raises(NotSupported, match="translates"):
        await house.hear("auto", task="translate")


async def test_a_recogniser_of_one_language_is_not_taken_unasked(start):
    info = {"size_bytes": 10, "operations": ["transcriptions"]}
    house = await start(fake("desk", "whisper-en", model_info={"whisper-en": {**info, "languages": ["en"]}}))
    with pytest.raises(WeightsMissing) as missing:
        await house.hear("auto")
    assert missing.value.model == "whisper/small"


async def test_a_voice_by_name_and_auto(start):
    house = await start(fake("desk", "tts-x"))
    for name, reason in (("tts-x", "direct"), ("tts-1", "auto: the first that speaks on this machine")):
        decision = Decision(name)
        request = SpeechRequest(model=name, caller=CALLER, text="Hello.", format="wav")
        spoken = await house.engine.speak(request, decision)
        assert spoken.content_type == "audio/wav"
        assert b"".join([piece async for piece in spoken]).startswith(b"RIFF")
        assert (decision.target, decision.reason) == ("desk/tts-x", reason)
    with pytest.raises(NotSupported):
        await house.engine.speak(
            SpeechRequest(model="roundhouse/minilm", caller=CALLER, text="Hello."), Decision("m")
        )


async def test_an_open_circuit_is_not_asked(start):
    house = await start(fake("desk", "whisper-x", fault={"code": "backend_failed"}))
    for _ in range(5):
        with pytest.raises(BackendFailed):
            await house.hear("whisper-x")
    with pytest.raises(BackendDown, match="circuit"):
        await house.hear("whisper-x")
    assert len(house.backend("desk").requests) == 5


def test_the_operators_settings_reach_the_provider():
    settings = AsrSettings(device="cuda", hub_token="hf_secret", folders=["/srv/models"])
    whisper, chunkformer = own_providers(settings)[:2]
    assert chunkformer.options["device"] == "cuda:0"
    assert (chunkformer.options["model"], whisper.options["model"]) == ("large-vie", "small")
    assert chunkformer.options["python"] is None
    assert whisper.options["device"] == "cuda:0"
    assert whisper.options["folders"] == ["/srv/models"]
    assert "hf_secret" not in repr(whisper)
    assert "device" not in whisper_provider(AsrSettings()).options
