import pytest

from engine.models import ScriptedModel, ask
from roundhouse.core.errors import ContextTooLong
from roundhouse.core.types import Decision
from roundhouse.engine.routing import BYTES_PER_TOKEN, CUT_BYTES_PER_TOKEN, Fitting


async def test_only_what_surely_does_not_fit_is_refused_before_it_is_sent():
    prose = ask(messages=[{"role": "user", "content": "word " * 1000}])
    picture = ask(messages=[{"role": "user", "content": "data:image/png;base64," + "A" * 5000}])
    model = ScriptedModel(b"good")
    for limit_bytes, request in ((BYTES_PER_TOKEN, prose), (CUT_BYTES_PER_TOKEN, picture)):
        assert (await Fitting(model, 1000, limit_bytes).answer(request, Decision("x"))).body == b"good"
    for tokens, limit_bytes in ((1000, CUT_BYTES_PER_TOKEN), (400, BYTES_PER_TOKEN)):
        with pytest.raises(ContextTooLong, match=f"maximum context length is {tokens} tokens"):
            await Fitting(model, tokens, limit_bytes).stream(prose, Decision("x"))
    assert model.calls == 2
