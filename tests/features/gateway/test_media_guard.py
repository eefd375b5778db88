"""Where a URL may stand without being a part of a chat message's content."""

import msgspec
import pytest

from roundhouse.core.errors import AddressRefused
from roundhouse.core.types import Caller, ModelRequest, Operation
from roundhouse.features.gateway.media import MediaGuard

PRIVATE = "http://169.254.169.254/latest"


class Refusing:
    """A fetcher for which no address is public."""

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[bytes, str]:
        raise AddressRefused(url)

    async def check(self, url: str) -> None:
        raise AddressRefused(url)


def request(operation: Operation, messages: object) -> ModelRequest:
    raw = msgspec.Raw(msgspec.json.encode(messages))
    return ModelRequest(operation, "m", {"messages": raw}, Caller(key_id="key_a"))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("chat", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PRIVATE}}]}),
        ("chat", {"role": "user", "content": "look", "image_url": PRIVATE}),
        ("chat", {"role": "user", "content": "look", "image_url": {"url": PRIVATE}}),
        ("embeddings", {"role": "user", "content": [{"type": "image", "image": PRIVATE}]}),
        ("embeddings", {"role": "user", "image": PRIVATE}),
    ],
)
async def test_a_private_address_is_found_wherever_it_stands(operation, message):
    with pytest.raises(AddressRefused):
        await MediaGuard(Refusing(), 1000, 1000).clean(request(operation, [message]))


async def test_of_a_member_that_stands_there_twice_one_is_left():
    one = request("chat", [])
    hidden = b'[{"role":"user","content":[{"image_url":"%s"}],"content":"hello"}]' % PRIVATE.encode()
    one.fields["messages"] = msgspec.Raw(hidden)
    await MediaGuard(Refusing(), 1000, 1000).clean(one)
    assert PRIVATE.encode() not in bytes(one.fields["messages"])
