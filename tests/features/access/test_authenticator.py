import asyncio
from datetime import UTC, datetime

import jwt
import pytest

from features.access.process import ADMIN, make_process
from roundhouse.core.errors import BadInput, NotAllowed, NotSignedIn, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.features.access.authenticator import OpenAuthenticator
from roundhouse.features.access.credentials import new_key
from roundhouse.features.access.signatures import sign
from roundhouse.infra.clock import SystemClock

SECRET = "the secret of the outer system, 32 bytes"


async def test_where_a_key_may_be(process):
    made = await process.key()
    for headers in (
        {"authorization": "Bearer {}"},
        {"authorization": "bearer  {} "},
        {"x-api-key": "{}"},
        {"api-key": "{}"},
        {"authorization": "Basic abc", "x-api-key": "{}"},
        {"authorization": "Bearer ", "api-key": "{}"},
    ):
        filled = {name: value.format(made.key) for name, value in headers.items()}
        assert (await process.authenticator.authenticate("GET", "/", filled)).key_id == made.id


async def test_what_is_no_key(process):
    made = await process.key()
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Basic {}"},
        {"authorization": "{}"},
        {"cookie": "key={}"},
        {"x-goog-api-key": "{}"},
        {"authorization": "Bearer {}x"},
        {"authorization": "Bearer " + "x" * 10_000},
        {"authorization": "Bearer ümläut"},
        {"authorization": "Bearer a.b.c"},
    ):
        filled = {name: value.format(made.key) for name, value in headers.items()}
        with pytest.raises(NotSignedIn) as error:
            await process.authenticator.authenticate("GET", f"/v1/models?key={made.key}", filled)
        assert made.key not in error.value.detail


async def test_a_key_with_another_secret_is_none(process):
    made = await process.key()
    with pytest.raises(NotSignedIn):
        await process.caller(new_key(made.id))
    with pytest.raises(NotSignedIn):
        await process.caller(new_key(new_id("key")))


async def test_recall_knows_only_what_was_seen_and_is_still_good(process, turned_clock):
    made = await process.key()
    header = f"Bearer {made.key}".encode()
    assert process.authenticator.recall(header) is None
    caller = await process.caller(made.key)
    assert process.authenticator.recall(header) == caller
    assert process.authenticator.recall(f"bearer {made.key}".encode()) == caller
    for other in (b"", b"Bearer ", header + b"x", made.key.encode(), b"Basic " + made.key.encode()):
        assert process.authenticator.recall(other) is None
    await process.keys.revoke(ADMIN, made.id)
    assert process.authenticator.recall(header) is None


async def test_recall_gives_the_caller_without_the_narrowing_of_an_earlier_request(process):
    made = await process.key(scopes=["inference", "ops"])
    narrowed = await process.caller(made.key, x_scopes="inference", x_user_id="u7")
    assert narrowed.scopes == {"inference"}
    assert narrowed.user_id == "u7"
    recalled = process.authenticator.recall(f"Bearer {made.key}".encode())
    assert recalled.scopes == {"inference", "ops"}
    assert recalled.user_id is None


async def test_recall_ends_with_the_key(process, turned_clock):
    made = await process.key(expires_at=datetime.fromtimestamp(turned_clock.now_s() + 5, UTC))
    await process.caller(made.key)
    header = f"Bearer {made.key}".encode()
    assert process.authenticator.recall(header)
    turned_clock.turn(5)
    assert process.authenticator.recall(header) is None


async def test_keys_are_not_held_in_memory_as_text(process):
    made = await process.key()
    await process.caller(made.key)
    secret = made.key.split("_", 2)[2]
    held = (
        repr(vars(process.authenticator))
        + repr(process.authenticator._known)
        + repr(process.authenticator._refused)
    )
    assert secret not in held


async def test_headers_narrow_and_never_widen(process):
    made = await process.key(site_id="north", scopes=["inference"])
    with pytest.raises(NotAllowed):
        await process.caller(made.key, x_site_id="south")
    assert (await process.caller(made.key, x_scopes="admin inference")).scopes == {"inference"}
    with pytest.raises(BadInput):
        await process.caller(made.key, x_user_id="a\x01b")


async def test_a_key_revoked_in_another_process_fails_within_a_second(start):
    ours, theirs = await start(SystemClock()), await start(SystemClock())
    made = await ours.key()
    header = f"Bearer {made.key}".encode()
    assert await theirs.caller(made.key)
    assert theirs.authenticator.recall(header)
    await ours.keys.revoke(ADMIN, made.id)
    forgotten = asyncio.Event()

    async def look() -> None:
        forgotten.set()

    theirs.watcher.on_change(look)
    # The poll's pause is 0.4 s; the rest is room for a slow machine.
    await asyncio.wait_for(forgotten.wait(), 5)
    assert theirs.authenticator.recall(header) is None
    with pytest.raises(NotSignedIn):
        await theirs.caller(made.key)


async def test_a_refused_key_is_asked_for_once_until_something_changes(process, turned_clock):
    ended = datetime.fromtimestamp(turned_clock.now_s() + 5, UTC)
    made = await process.key(expires_at=ended)
    turned_clock.turn(6)
    with pytest.raises(NotSignedIn):
        await process.caller(made.key)
    async with process.db.begin() as tx:
        await tx.exec_driver_sql("UPDATE api_keys SET expires_at_s = NULL")
    with pytest.raises(NotSignedIn):
        await process.caller(made.key)
    await process.key()
    assert await process.caller(made.key)


async def test_memory_is_bounded_under_a_flood_of_wrong_keys(process):
    for number in range(5000):
        with pytest.raises(NotSignedIn):
            await process.caller(f"wrong {number}")
    assert len(process.authenticator._refused) <= 4096


async def test_known_keys_work_for_a_while_without_the_database(start, turned_clock):
    process = await start(offline_grace_s=60)
    made = await process.key()
    other = await process.key()
    await process.caller(made.key)
    await process.watcher.close()
    async with process.db.begin() as tx:
        await tx.exec_driver_sql("ALTER TABLE api_keys RENAME TO hidden_keys")
    try:
        turned_clock.turn(59)
        assert process.authenticator.recall(f"Bearer {made.key}".encode())
        assert await process.caller(made.key)
        turned_clock.turn(5)
        assert process.authenticator.recall(f"Bearer {made.key}".encode()) is None
        for key in (made.key, other.key):
            with pytest.raises(Exception, match="api_keys"):
                await process.caller(key)
    finally:
        async with process.db.begin() as tx:
            await tx.exec_driver_sql("ALTER TABLE hidden_keys RENAME TO api_keys")


async def test_an_unknown_key_without_a_database_is_storage_unavailable(sqlite_url, tmp_path, turned_clock):
    process = make_process(f"sqlite:///{tmp_path / 'gone' / 'x.db'}", turned_clock)
    with pytest.raises(StorageUnavailable):
        await process.caller(new_key(new_id("key")))
    await process.db.close()


async def test_jwt_and_signed_headers(start, turned_clock):
    process = await start(jwt_secret=SECRET, core_secret=SECRET)
    token = jwt.encode(
        {"site_id": "north", "sub": "u1", "exp": int(turned_clock.now_s()) + 60}, SECRET, "HS256"
    )
    caller = await process.caller(token)
    assert (caller.key_id, caller.site_id, caller.user_id) == ("jwt", "north", "u1")
    assert process.authenticator.recall(f"Bearer {token}".encode()) == caller
    with pytest.raises(NotAllowed):
        await process.caller(token, x_site_id="south")
    turned_clock.turn(60)
    assert process.authenticator.recall(f"Bearer {token}".encode()) is None
    headers = {"x-timestamp": str(int(turned_clock.now_s())), "x-site-id": "south"}
    headers["x-signature"] = sign(SECRET, "GET", "/v1/models", headers)
    caller = await process.authenticator.authenticate("GET", "/v1/models", headers)
    assert (caller.key_id, caller.site_id) == ("core", "south")
    # A signature beside a key is not looked at: the key decides.
    made = await process.key(site_id="north")
    with pytest.raises(NotAllowed):
        await process.authenticator.authenticate("GET", "/v1/models", {**headers, "x-api-key": made.key})


async def test_open_lets_everybody_in():
    authenticator = OpenAuthenticator()
    caller = await authenticator.authenticate("GET", "/", {})
    assert caller.key_id == "open"
    assert caller.may("admin")
    assert authenticator.recall(b"Bearer anything") == caller
    assert (await authenticator.authenticate("GET", "/", {"x-site-id": "north"})).site_id == "north"
