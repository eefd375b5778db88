"""The pages made from the settings are in the repository as they would be made now."""

from pathlib import Path

import pytest
from pydantic_settings import DotEnvSettingsSource

from roundhouse.core.settings import LEGACY_ENV, Settings
from roundhouse.core.settings_reference import MASK, env_template, fields_at, markdown, masked, sections

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("path", "text", "command"),
    [
        ("docs/reference/settings.md", markdown(), "--markdown"),
        (".env.template", env_template(), "--env-template"),
    ],
)
def test_the_page_is_up_to_date(path: str, text: str, command: str) -> None:
    assert (ROOT / path).read_text("utf-8") == text, f"run: roundhouse settings {command} > {path}"


def test_every_setting_says_what_it_means() -> None:
    rows = [row for section in sections() for row in section.rows]
    assert len(rows) > 70
    assert [row.name for row in rows if not row.description.endswith((".", "…"))] == []
    assert {name for row in rows for name in row.legacy} == set(LEGACY_ENV)


def test_the_template_uncommented_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = env_template().splitlines()
    settings = [line.removeprefix("# ") for line in lines if line.startswith("# ROUNDHOUSE_")]
    # An empty value means "unset" for a person; these are those that have no default.
    given = [line for line in settings if not line.endswith("=")]
    (tmp_path / ".env").write_text("\n".join(given))
    read = DotEnvSettingsSource(Settings, env_file=".env")()
    for section, values in read.items():
        model = getattr(Settings(), section)
        if isinstance(values, dict):
            parsed = type(model).model_validate(values)
            assert parsed.model_dump(exclude_unset=True).items() <= model.model_dump().items()
    assert sum(len(values) for values in read.values() if isinstance(values, dict)) == len(given) - 1
    assert "ROUNDHOUSE_SERVER__PORT=8000" in given


def test_fields_of_nested_sections_are_found() -> None:
    assert "port" in fields_at(("server",))
    assert "connect_s" in fields_at(("providers", 3, "timeouts"))
    assert fields_at(("server", "port")) == []
    assert fields_at(("nowhere",)) == []


def test_no_secret_is_shown() -> None:
    settings = Settings(
        db={"url": "postgresql://user:hunter2@db:5432/name"},
        cache={"url": "redis://:hunter2@cache"},
        access={
            "secret_api_key": "hunter2",
            "pepper": "hunter2",
            "jwt_secret": "hunter2",
            "core_secret": "hunter2",
        },
        providers=[
            {
                "name": "one",
                "kind": "openai",
                "url": "http://u:hunter2@host/v1",
                "key": "hunter2",
                "headers": {"x-any": "hunter2"},
                "options": {"api_token": "hunter2", "deep": {"password": "hunter2"}, "region": "here"},
            }
        ],
    )
    shown = masked(settings)
    assert "hunter2" not in str(shown)
    assert shown["db"]["url"] == f"postgresql://user:{MASK}@db:5432/name"
    assert shown["providers"][0]["options"]["region"] == "here"
    assert shown["access"]["core_scopes"] == ["inference", "models:read"]
