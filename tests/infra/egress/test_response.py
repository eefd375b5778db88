"""What a reader of a lean answer gets when it reads at a beat."""

import asyncio

from roundhouse.infra.egress.response import LeanResponse


class Nothing:
    def resume(self) -> None:
        pass

    def abort(self) -> None:
        pass


async def test_what_comes_between_two_beats_is_one_piece():
    called = []
    response = LeanResponse(Nothing(), "http://there")
    pieces = response.pieces(called.append)
    read = asyncio.create_task(anext(pieces))
    for piece in (b"a", b"b", b"c"):
        await asyncio.sleep(0)
        response.add(piece)
        response.wake()
    await asyncio.sleep(0)
    assert not read.done()
    assert len(called) == 1
    called.pop()()
    assert await read == b"abc"
    # The end waits for nothing.
    read = asyncio.create_task(anext(pieces))
    await asyncio.sleep(0)
    response.add(b"d")
    response.finish()
    assert await read == b"d"
    assert await anext(pieces, None) is None
