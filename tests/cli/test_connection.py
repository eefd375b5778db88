"""Which server a command talks to, and that it tells its key to no other."""

from pathlib import Path

import pytest

from roundhouse.cli.connection import connect, local_url, reachable, read_settings


@pytest.fixture(autouse=True)
def kept_key(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "admin.key").write_text("rh_first\n")


def key_sent(url: str | None = None, key: str | None = None) -> str:
    return connect(url, key, None)._key


def test_by_default_it_is_the_server_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "8123")
    assert connect(None, None, None).url == "http://127.0.0.1:8123"
    assert key_sent() == "rh_first"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9/v1", "http://[::1]:9"])
def test_the_kept_key_is_for_this_machine(url: str) -> None:
    assert key_sent(url) == "rh_first"


@pytest.mark.parametrize(
    "url", ["http://example.org", "https://10.0.0.1:8000", "http://localhost.example.org"]
)
def test_the_kept_key_is_not_sent_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_sent(url) == ""
    assert key_sent(url, "rh_mine") == "rh_mine"
    monkeypatch.setenv("SECRET_API_KEY", "from-the-environment")
    assert key_sent(url) == ""


def test_a_fixed_key_wins_over_the_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_API_KEY", "from-the-environment")
    assert key_sent() == "from-the-environment"
    monkeypatch.setenv("SECRET_API_KEY", "")
    assert key_sent() == "rh_first"


def test_an_open_server_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SERVER__OPEN", "true")
    assert key_sent() == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("", "http://127.0.0.1:8000"),
        ("10.1.2.3", "http://10.1.2.3:8000"),
        ("fd00::1", "http://[fd00::1]:8000"),
    ],
)
def test_the_address_of_a_server_that_listens_there(host: str, url: str) -> None:
    assert local_url(read_settings(server={"host": host})) == url
    assert reachable(url) == url
