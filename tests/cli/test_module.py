"""`roundhouse module scan`, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from running_server import as_json, good

SERVICE = '''import fastapi
app = fastapi.FastAPI(title="Toys")


@app.post("/play")
def play(name: str, times: int = 1) -> dict:
    """Chơi một lần."""
'''
FILES = {
    "requirements.txt",
    "Dockerfile",
    "compose.yaml",
    "openapi.json",
    "roundhouse.import.json",
    "roundhouse.register.json",
}


def test_a_dry_run_prints_and_writes_nothing(cli: Any, place: Path) -> None:
    (place / "service.py").write_text(SERVICE)
    said = good(cli("module", "scan", "."))
    assert "toys.play  POST /play  Chơi một lần." in said
    assert "takes name, times?" in said
    assert "curl -X POST" in said
    assert [path.name for path in place.iterdir()] == ["service.py"]
    assert "CMD [" in good(cli("module", "scan", ".", "--show"))


def test_files_are_written_once_and_a_rescan_tells_what_changed(cli: Any, place: Path) -> None:
    (place / "service.py").write_text(SERVICE)
    (place / "requirements.txt").write_text("fastapi==1.2.3\n")
    told = as_json(cli("module", "scan", ".", "--write", "--json"))
    states = {file["name"]: file["state"] for file in told["files"]}
    assert states == dict.fromkeys(FILES, "new") | {"requirements.txt": "kept"}
    assert (place / "requirements.txt").read_text() == "fastapi==1.2.3\n"
    assert json.loads((place / "openapi.json").read_text())["info"]["title"] == "Toys"
    assert "As at the scan before." in good(cli("module", "scan", "."))

    (place / "service.py").write_text(
        SERVICE.replace("times: int", "times: float").replace("name: str, ", "")
    )
    before = (place / "openapi.json").read_bytes()
    said = good(cli("module", "scan", ".", "--write"))
    assert "input_schema/properties/name: {" in said
    assert 'input_schema/properties/times/type: "integer" -> "number"' in said
    assert (place / "openapi.json").read_bytes() == before
    forced = as_json(cli("module", "scan", ".", "--write", "--force", "--json"))
    changed = {file["name"] for file in forced["files"] if file["state"] == "replaced"}
    assert changed == {"requirements.txt", "openapi.json", "roundhouse.import.json"}
    assert (place / "openapi.json").read_bytes() != before


def test_what_is_no_module_ends_with_1(cli: Any, place: Path) -> None:
    result = cli("module", "scan", str(place))
    assert (result.exit_code, "no Python" in result.output) == (1, True)
