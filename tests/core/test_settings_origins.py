import pytest

from roundhouse.core.settings_load import load
from roundhouse.core.settings_origins import in_force
from roundhouse.core.settings_reference import MASK


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A value of one section in each source, some of them twice."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.toml").write_text(
        '[server]\nport = 1\nkeep_alive_s = 5\n[cache]\nttl_s = 7\n[[aliases]]\nname = "a"\ntargets = ["b/c"]\n'
    )
    (tmp_path / ".env").write_text("ROUNDHOUSE_SERVER__PORT=2\nROUNDHOUSE_SERVER__DRAIN_S=6\n")
    monkeypatch.setenv("ROUNDHOUSE_SERVER__PORT", "3")
    monkeypatch.setenv("SECRET_API_KEY", "a secret of the environment")
    return tmp_path / "other.toml"


def test_each_setting_says_where_it_came_from(sources):
    given = {"server": {"port": 4}}
    found = {one.row.name: one for one in in_force(load(given, sources))}
    told = {name: (one.value, one.origin) for name, one in found.items() if one.origin != "default"}
    told.pop("aliases")
    assert told == {
        "server.port": (4, "argument"),
        "server.drain_s": (6.0, "env_file"),
        "server.keep_alive_s": (5.0, "file"),
        "cache.ttl_s": (7.0, "file"),
        "access.secret_api_key": (MASK, "environment"),
    }
    assert found["aliases"].origin == "file"
    assert found["aliases"].value[0]["name"] == "a"
    assert found["server.host"].value == "127.0.0.1"


def test_the_environment_wins_over_the_files(sources):
    found = {one.row.name: one for one in in_force(load({}, sources))}
    assert (found["server.port"].value, found["server.port"].origin) == (3, "environment")
