"""What a reader of a lean answer gets when it reads at a beat."""

import asyncio

from roundhouse.infra.egress.response import LeanResponse


class Connection:
    gathers = False

    def resume(self) -> None:
        pass

    def gather(self, on: bool) -> None:
        self.gathers = on

    def abort(self) -> None:
        pass


async def test_what_comes_between_two_beats_may_lie_until_the_second():
    called = []
    connection = Connection()
    response = LeanResponse(connection, "http://there")
    pieces = response.pieces(called.append)
    for piece in (b"a", b"b"):
        read = asyncio.create_task(anext(pieces))
        await asyncio.sleep(0)
        assert not connection.gathers
        response.add(piece)
        response.wake()
        assert await read == piece
        # The next is not wanted before the beat, which is asked for once.
        assert connection.gathers
        (beat,) = called
        called.clear()
        beat()
    # Nothing came behind the last beat: what comes now is told as it comes, and so is the end.
    assert not connection.gathers
    read = asyncio.create_task(anext(pieces))
    await asyncio.sleep(0)
    response.add(b"c")
    response.finish()
    assert await read == b"c"
    assert await anext(pieces, None) is None
