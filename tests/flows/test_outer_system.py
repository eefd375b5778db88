"""Tokens and signed headers of an outer system, asked of the whole product."""

import hashlib
import hmac
import time
from typing import Any

import jwt
import pytest
import pytest_asyncio

from flows.calls import CHAT, records
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

JWT_SECRET = "the secret of the outer system's tokens"
CORE_SECRET = "the secret of signed headers"
ACCESS = {"jwt_secret": JWT_SECRET, "core_secret": CORE_SECRET}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("outer") / "data", access=ACCESS) as made:
        yield made


def token(**claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 60, "site_id": "outer", **claims}, JWT_SECRET, "HS256")


def signed(
    method: str, path: str, *, at_s: float | None = None, secret: str = CORE_SECRET, **more: str
) -> dict[str, str]:
    """Headers as the documentation says."""
    names = ("X-Timestamp", "X-Site-Id", "X-User-Id", "X-App-Id", "X-Scopes")
    headers = {"X-Timestamp": str(int(at_s or time.time())), "X-Site-Id": "outer"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    text = "\n".join([method, path, *(headers.get(name, "") for name in names)])
    return headers | {"X-Signature": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_token_names_its_tenant(house, prefix):
    bearer = token(sub="user-7", app_id="shop", scopes=["inference", "models:read", "admin", "keys"])
    for headers in ({"Authorization": f"Bearer {bearer}"}, {"X-API-Key": bearer}, {"api-key": bearer}):
        answer = await house.post(f"{prefix}/v1/chat/completions", CHAT, key="", headers=headers)
        assert answer.status == 200
        me = (await house.get(f"{prefix}/v1/quotas/me", key="", headers=headers)).json()
        assert (me["key_id"], me["site_id"], me["user_id"], me["app_id"]) == (
            "jwt",
            "outer",
            "user-7",
            "shop",
        )
        assert me["scopes"] == ["inference", "models:read"]
        assert (await house.get(f"{prefix}/v1/keys", key="", headers=headers)).status == 403
    record = (await records(house))[0]
    assert (record["key_id"], record["site_id"], record["user_id"]) == ("jwt", "outer", "user-7")


async def test_what_is_no_good_token(house):
    body = token().split(".")[1]
    none = "eyJhbGciOiJub25lIn0"
    bad = [
        token(exp=time.time() - 60),
        jwt.encode({"site_id": "outer"}, JWT_SECRET, "HS256"),
        jwt.encode(
            {"exp": time.time() + 60, "site_id": "outer"}, "another secret of thirty-two bytes!", "HS256"
        ),
        jwt.encode({"exp": time.time() + 60, "site_id": "outer"}, JWT_SECRET + JWT_SECRET, "HS512"),
        f"{none}.{body}.",
        f"{none}.{body}.x",
        token()[:-2],
        token(site_id=None),
        token(site_id=["outer"]),
        token(scopes={"admin": True}),
        "..",
        "a.b.c",
    ]
    for text in bad:
        for path in ("/v1/chat/completions", "/api/v1/chat/completions"):
            answer = await house.post(path, CHAT, key=text)
            assert answer.status == 401, text
            assert text not in answer.body.decode() or len(text) < 10
    strange = await house.post("/v1/chat/completions", CHAT, key=token(site_id="a\nb"))
    assert strange.status in (400, 401)


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_signed_headers_name_the_tenant(house, prefix):
    path = f"{prefix}/v1/chat/completions"
    good = signed("POST", path, X_User_Id="user-9", X_Scopes="inference")
    for _ in range(2):
        # Within its time the same signature is good again; TLS keeps others from having it.
        assert (await house.post(path, CHAT, key="", headers=good)).status == 200
    bare = signed("POST", "/v1/chat/completions")
    assert (await house.post(path, CHAT, key="", headers=bare)).status == 200
    record = (await records(house))[0]
    assert (record["key_id"], record["site_id"]) == ("core", "outer")
    for headers in (
        signed("POST", path, at_s=time.time() - 320),
        signed("POST", path, at_s=time.time() + 320),
        signed("GET", path),
        signed("POST", "/v1/embeddings"),
        signed("POST", path, secret="another secret"),
        good | {"X-User-Id": "user-1"},
        good | {"X-Site-Id": "north"},
        good | {"X-Scopes": "inference models:read"},
        {name: value for name, value in good.items() if name != "X-Scopes"},
        {name: value for name, value in good.items() if name != "X-Timestamp"},
        good | {"X-Timestamp": str(int(time.time()) + 1)},
    ):
        answer = await house.post(path, CHAT, key="", headers=headers)
        assert (answer.status, answer.code) == (401, "not_signed_in"), headers
    widening = signed("POST", path, X_Scopes="admin")
    assert (await house.post(path, CHAT, key="", headers=widening)).status == 403
    listing = signed("GET", f"{prefix}/v1/keys", X_Scopes="inference")
    assert (await house.get(f"{prefix}/v1/keys", key="", headers=listing)).status == 403
