"""A provider without a server: its models and their memory are what its script says."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from roundhouse.backends.control.listed import operations_of, refusal, told_by_operator
from roundhouse.backends.fake_script import FakeModel, FaultPlayer, read_script
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_STEP_BYTES = 1024 * 1024


class FakeControl:
    """`core.ports.ModelControl` for the kind `fake`; options: `FakeScript`.

    Attributes:
        calls: `load NAME`, `unload NAME`, `pull NAME` in order.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        script = read_script(provider)
        self._script = script
        self._faults = FaultPlayer(script.fault)
        self._clock = context.clock
        self._refusal = refusal(provider)
        names = dict.fromkeys((*provider.models, *script.models))
        self._known = {
            name: told_by_operator(provider, ModelInfo(name, operations_of(name))) for name in names
        }
        self._held: dict[str, float | None] = {}
        self.manages_memory = script.manages_memory
        self.can_pull = script.pull_steps > 0
        self.calls: list[str] = []

    async def models(self) -> list[ModelInfo]:
        """Models of the script and of `provider.models`; raises the scripted error."""
        self._faults.play()
        return list(self._known.values())

    async def running(self) -> list[RunningModel]:
        """Models that are loaded and whose time is not over."""
        now_s = self._clock.now_s()
        self._held = {name: end for name, end in self._held.items() if end is None or end > now_s}
        return [self._running(name, end) for name, end in self._held.items()]

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Load after `load_s`; raises NotSupported, ModelNotFound, the scripted error."""
        self._require(model)
        self.calls.append(f"load {model}")
        self._faults.play()
        if self._script.load_s:
            await self._clock.sleep(self._script.load_s)
        self._held[model] = None if keep_alive_s is None else self._clock.now_s() + keep_alive_s

    async def unload(self, model: str) -> None:
        """Unload; raises NotSupported, ModelNotFound."""
        self._require(model)
        self.calls.append(f"unload {model}")
        self._held.pop(model, None)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Download in `pull_steps` steps, then the model is known; raises the scripted error."""
        self.calls.append(f"pull {model}")
        self._faults.play()
        total = self._script.pull_steps * _STEP_BYTES
        for step in range(self._script.pull_steps):
            if self._script.delay_s:
                await self._clock.sleep(self._script.delay_s)
            yield PullProgress("pulling", (step + 1) * _STEP_BYTES, total)
        self._known.setdefault(model, ModelInfo(model, operations_of(model)))
        yield PullProgress("success", total, total)

    async def close(self) -> None:
        """Nothing is held."""

    def _require(self, model: str) -> None:
        if not self.manages_memory:
            raise NotSupported(self._refusal)
        if model not in self._known:
            raise ModelNotFound(f"No model {model!r} here.", param="model")

    def _running(self, name: str, end_s: float | None) -> RunningModel:
        model = self._script.models.get(name, FakeModel())
        if model.on_cpu:
            return RunningModel(name, ram_mib=model.footprint_mib, expires_at_s=end_s)
        return RunningModel(name, vram_mib=model.footprint_mib, expires_at_s=end_s)
