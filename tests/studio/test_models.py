"""Models and providers from Python."""

from pathlib import Path

import pytest

from roundhouse.core.errors import BadInput, Conflict, ModelNotFound, NotFound, Unprocessable
from roundhouse.studio import LLMService, SessionService, Studio


def test_with_nothing_configured_there_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "roundhouse.toml").write_text("[engine]\ndiscover = false\n")
    with Studio() as plain:
        ids = [one.id for one in plain.llm.list_models()]
        assert "roundhouse/extractive" in ids
        active = plain.llm.get_active_model()
        assert active is not None
        assert (active.id, active.is_active) == ("auto", True)
        session = plain.sessions.create_session()
        answer = plain.chat.send_message(session.id, "What is here?")
        assert (answer.success, answer.model_id) == (True, "roundhouse/extractive")
    assert (tmp_path / "data" / "roundhouse.db").exists() or list(tmp_path.rglob("*.db"))


def test_models_are_listed_and_found(studio: Studio) -> None:
    models = {one.id: one for one in studio.llm.get_all_models()}
    assert {"quick/m", "slow/m", "roundhouse/extractive"} <= models.keys()
    assert models["roundhouse/extractive"].capabilities == ["chat", "completions"]
    assert [one.id for one in models.values() if one.is_active] == ["quick/m"]
    assert studio.llm.get_model("quick/m") == models["quick/m"]
    assert studio.llm.get_model("local-gemma-3-4b-it") is None


def test_the_active_model_answers_where_nobody_names_one(lite: Studio) -> None:
    plain, named = lite.sessions.create_session(), lite.sessions.create_session(model_id="echo/m")
    assert lite.chat.send_message(plain.id, "Hello").model_id == "quick/m"
    assert not lite.llm.set_active_model("nobody/knows")
    assert lite.llm.set_active_model("slow/m")
    active = lite.llm.get_active_model()
    assert active is not None
    assert active.id == "slow/m"
    assert lite.chat.send_message(plain.id, "Hello").model_id == "slow/m"
    assert lite.chat.send_message(named.id, "Hello").model_id == "echo/m"
    assert lite.chat.send_message(named.id, "Hello", model_id="quick/m").model_id == "quick/m"


def test_an_old_name_is_given_to_a_model_that_is_here(studio: Studio) -> None:
    session = studio.sessions.create_session("My Chat", "local-gemma-3-4b-it")
    with pytest.raises(ModelNotFound):
        studio.chat.send_message(session.id, "Hello")
    alias = studio.llm.set_alias("local-gemma-3-4b-it", "quick/m", "slow/m")
    assert alias.targets == ["quick/m", "slow/m"]
    assert studio.chat.send_message(session.id, "Hello").content == "A quick answer."
    for names in ((), ("x" * 1000,)):
        with pytest.raises(Unprocessable):
            studio.llm.set_alias("name", *names)
    with pytest.raises(BadInput):
        studio.llm.set_alias("name", "name")


def test_providers_and_their_keys(studio: Studio) -> None:
    llm = studio.llm
    made = llm.add_provider("cloud", "openai", "http://127.0.0.1:1/v1")
    assert (made.has_api_key, made.source) == (False, "api")
    assert llm.set_provider_api_key("cloud", "sk-secret")
    seen = llm.get_provider("cloud")
    assert seen is not None
    assert seen.has_api_key
    assert "sk-secret" not in repr(llm.list_providers()) + str(seen.to_dict())
    tested = llm.test_connection("cloud")
    assert not tested
    assert tested.error_message
    assert llm.remove_provider_api_key("cloud")
    seen = llm.get_provider("cloud")
    assert seen is not None
    assert not seen.has_api_key
    assert llm.remove_provider("cloud")
    assert not llm.remove_provider("cloud")
    assert llm.get_provider("cloud") is None
    assert not llm.set_provider_api_key("cloud", "sk-secret")
    assert not llm.remove_provider_api_key("cloud")
    with pytest.raises(NotFound):
        llm.test_connection("cloud")


def test_what_stands_in_the_file_is_not_changed(lite: Studio) -> None:
    assert lite.llm.test_provider_connection("quick").models == ["m"]
    for verb in (lite.llm.remove_provider, lite.llm.remove_provider_api_key):
        for name in ("quick", "roundhouse"):
            with pytest.raises(Conflict):
                verb(name)
    with pytest.raises(Conflict):
        lite.llm.add_provider("quick", "openai", "http://127.0.0.1:1/v1")
    with pytest.raises(BadInput, match="kind"):
        lite.llm.add_provider("other", "telepathy", "http://127.0.0.1:1/v1")
    with pytest.raises(BadInput) as caught:
        lite.llm.set_provider_api_key("quick", "")
    assert caught.value.param == "api_key"


def test_wrong_settings_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[server]\nport = 'x'\n")
    for service in (LLMService, SessionService):
        with pytest.raises(BadInput, match=r"server\.port"):
            service(config=path)
