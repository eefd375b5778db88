"""Folders of Python to proposals, by reading alone."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from roundhouse.core.errors import BadInput
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.importing.scanning.scan import Scan, scan

MODULES = Path(__file__).parent / "modules"
AI_MATH = Path(__file__).parents[5] / "examples" / "ai-math"


def by_verb(found: Scan) -> dict[str, Proposed]:
    return {one.name.removeprefix(f"{found.name}."): one for one in found.proposal.capabilities}


def schema_of(found: Scan, verb: str, name: str) -> Any:
    return by_verb(found)[verb].input_schema["properties"][name]


def test_the_scan_of_the_example_says_what_the_example_says_itself() -> None:
    spec = importlib.util.spec_from_file_location("ai_math", AI_MATH / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = propose(module.app.openapi(), Wanted(base_url="http://127.0.0.1:8044"))
    read = scan(AI_MATH).proposal
    assert (read.title, read.version) == (told.title, told.version)
    assert [one.name for one in read.capabilities] == ["ai-math.constant", "ai-math.solve"]
    for ours, theirs in zip(read.capabilities, told.capabilities, strict=True):
        assert (ours.name, ours.operation, ours.tags) == (theirs.name, theirs.operation, theirs.tags)
        assert (ours.examples, ours.endpoint) == (theirs.examples, theirs.endpoint)
        assert ours.input_schema.get("required") == theirs.input_schema.get("required")
        assert [*ours.input_schema["properties"]] == [*theirs.input_schema["properties"]]


def test_an_application_of_several_files(tmp_path: Path) -> None:
    shutil.copytree(MODULES / "shop", tmp_path / "shop")
    found = scan(tmp_path / "shop")
    assert not list(tmp_path.rglob("IT_RAN"))
    assert (found.name, found.application.target, found.application.factory) == (
        "cua-hang",
        "shop.main:create_app",
        True,
    )
    assert {verb: one.operation for verb, one in by_verb(found).items()} == {
        "change": "PUT /items/{item_id}",
        "patch_items_item_id": "PATCH /items/{item_id}",
        "look": "GET /admin/inner",
        "photos": "POST /items/{item_id}/photos/{rest}",
        "placeOrder": "POST /orders",
        "remove": "DELETE /items/{item_id}",
        "show": "GET /items/{item_id}",
        "when": "POST /admin/hours",
    }
    assert [warning.partition(": ")[0] for warning in found.warnings] == [
        "shop/broken.py",
        "shop/routers/items.py",
    ]
    assert by_verb(found)["change"].tags == ("items", "changes")
    assert by_verb(found)["placeOrder"].tags == ("deprecated",)
    assert by_verb(found)["placeOrder"].description == "It is paid later."
    assert by_verb(found)["change"].examples[0].input["name"] == "Ấm đun nước"


def test_types_parameters_and_dependencies() -> None:
    found = scan(MODULES / "shop")
    assert schema_of(found, "change", "name") == {"type": "string", "minLength": 1, "description": "名字"}
    assert schema_of(found, "change", "price") == {"type": "number", "exclusiveMinimum": 0}
    assert schema_of(found, "change", "kind") == {"enum": ["tool", "toy"], "title": "Kind"}
    assert schema_of(found, "change", "parts")["items"] == {"$ref": "#/$defs/Item"}
    assert schema_of(found, "change", "Code") == {"type": "string", "pattern": "^[a-z]+$", "default": "x"}
    assert schema_of(found, "change", "pair")["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert schema_of(found, "show", "lang") == {"type": "string", "default": "vi"}
    order = by_verb(found)["placeOrder"]
    assert order.input_schema["required"] == ["x-customer", "order", "shipping"]
    assert order.endpoint["places"] == {
        "x-customer": "header",
        "debug": "query",
        "order": "body",
        "shipping": "body",
    }
    assert order.output_schema is not None
    assert order.output_schema["required"] == ["id", "order"]
    photos = by_verb(found)["photos"]
    assert photos.input_schema["required"] == ["item_id", "rest", "file_id"]
    assert photos.endpoint["places"] == {
        "item_id": "path",
        "rest": "path",
        "file_id": {"place": "body", "name": "file"},
        "more_file_ids": {"place": "body", "name": "more"},
        "note": "body",
    }
    assert (photos.endpoint["body"], photos.endpoint["files"]) == ("multipart", ["file", "more"])
    assert photos.endpoint["answer"] == "file"


def test_a_flask_application_with_a_blueprint() -> None:
    found = scan(MODULES / "lamp")
    assert (found.name, found.base_url, found.application.framework) == (
        "lamp",
        "http://127.0.0.1:5050",
        "flask",
    )
    assert {verb: one.operation for verb, one in by_verb(found).items()} == {
        "lamp": "GET /lamps/{lamp_id}/{rest}",
        "post_lamps_lamp_id_rest": "POST /lamps/{lamp_id}/{rest}",
        "picture": "POST /pictures",
        "room": "GET /v2/rooms/{name}",
    }
    posted = by_verb(found)["post_lamps_lamp_id_rest"]
    assert posted.title == "Đổi màu đèn."
    assert posted.input_schema["required"] == ["lamp_id", "rest", "brightness"]
    assert schema_of(found, "post_lamps_lamp_id_rest", "brightness") == {"type": "integer"}
    assert schema_of(found, "post_lamps_lamp_id_rest", "colour") == {"type": "string", "default": "white"}
    assert schema_of(found, "lamp", "dim") == {"type": "number", "default": 0.5}
    assert by_verb(found)["picture"].input_schema["required"] == ["picture_file_id"]


def test_what_wraps_it() -> None:
    shop, lamp = scan(MODULES / "shop").files, scan(MODULES / "lamp").files
    assert shop["requirements.txt"].splitlines() == [
        "fastapi==0.120.0",
        "opencv-python-headless",
        "pydantic",
        "python-multipart",
        "PyYAML>=6",
        "uvicorn",
    ]
    assert lamp["requirements.txt"].splitlines() == ["flask", "gunicorn"]
    assert 'CMD ["uvicorn", "shop.main:create_app", "--factory", "--host", "0.0.0.0"' in shop["Dockerfile"]
    assert 'CMD ["gunicorn", "--bind", "0.0.0.0:5050", "service:app"]' in lamp["Dockerfile"]
    assert "- ./models:/models" in lamp["compose.yaml"]
    assert json.loads(lamp["roundhouse.register.json"])["routes"][0] == {
        "name": "lamp",
        "method": "GET",
        "gateway_path": "/lamp/lamps/{lamp_id}/{rest}",
        "upstream_path": "/lamps/{lamp_id}/{rest}",
        "summary": "Đổi màu đèn.",
    }
    body = json.loads(shop["roundhouse.import.json"])
    again = propose(body["document"], Wanted(body["base_url"], body["prefix"]))
    assert again.capabilities == scan(MODULES / "shop").proposal.capabilities


def test_an_image_is_built_of_the_code_wherever_the_files_lie(tmp_path: Path) -> None:
    code = tmp_path / "my code"
    shutil.copytree(MODULES / "lamp", code)
    beside = scan(code).files
    assert "    build: .\n" in beside["compose.yaml"]
    assert "COPY requirements.txt .\n" in beside["Dockerfile"]
    assert "COPY . .\n" in beside["Dockerfile"]
    for out, context, dockerfile, needs, copied in (
        (code / "wrapped", "..", "wrapped/Dockerfile", "wrapped/requirements.txt .", ". ."),
        (tmp_path / "out", "..", "out/Dockerfile", "out/requirements.txt .", '["my code", "."]'),
        (tmp_path, ".", "Dockerfile", "requirements.txt .", '["my code", "."]'),
    ):
        files = scan(code, out=out).files
        (service,) = yaml.safe_load(files["compose.yaml"])["services"].values()
        build = service["build"]
        assert build == ("." if context == "." else {"context": context, "dockerfile": dockerfile})
        assert f"COPY {needs}\n" in files["Dockerfile"]
        assert f"COPY {copied}\n" in files["Dockerfile"]
        # As a build sees it: from the context all of it is there.
        seen = (out / context).resolve()
        assert (seen / json.loads(copied)[0] if copied.startswith("[") else seen / ".").resolve() == code
        assert (seen / dockerfile).resolve() == out / "Dockerfile"


def test_ports_do_not_meet_that_of_roundhouse(tmp_path: Path) -> None:
    application = "import fastapi\napp = fastapi.FastAPI(title='Sums')\n@app.get('/a')\ndef a(): ...\n"
    (tmp_path / "main.py").write_text(application)
    found = scan(tmp_path)
    assert (found.base_url, found.warnings) == ("http://127.0.0.1:8044", ())
    assert '"127.0.0.1:8044:8044"' in found.files["compose.yaml"]
    (tmp_path / "main.py").write_text(f"{application}import uvicorn\nuvicorn.run(app, port=8000)\n")
    (warning,) = scan(tmp_path).warnings
    assert "--base-url" in warning
    moved = scan(tmp_path, base_url="http://127.0.0.1:8051")
    assert (moved.base_url, moved.warnings) == ("http://127.0.0.1:8051", ())
    assert '"127.0.0.1:8051:8000"' in moved.files["compose.yaml"]
    assert '"8000"]' in moved.files["Dockerfile"]
    far = scan(tmp_path, base_url="https://sums.example.org")
    assert '"127.0.0.1:8000:8000"' in far.files["compose.yaml"]


def test_distributions_that_are_called_otherwise_than_what_is_imported(tmp_path: Path) -> None:
    imports = [
        "whisper",
        "google.cloud.storage",
        "google.genai",
        "PIL",
        "sentence_transformers",
        "llama_cpp.llama",
    ]
    lines = "".join(f"import {name}\n" for name in imports)
    (tmp_path / "main.py").write_text(f"{lines}import fastapi\napp = fastapi.FastAPI()\n")
    assert scan(tmp_path).files["requirements.txt"].split() == [
        "fastapi",
        "google-cloud-storage",
        "google-genai",
        "llama-cpp-python",
        "openai-whisper",
        "pillow",
        "sentence-transformers",
        "uvicorn",
    ]


@pytest.mark.parametrize("text", [None, "", "print('hello')", "from elsewhere import app"])
def test_a_folder_without_an_application_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "main.py").write_text(text)
    with pytest.raises(BadInput):
        scan(tmp_path)
    with pytest.raises(BadInput):
        scan(tmp_path / "nowhere")


def test_of_several_applications_one_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import fastapi\napp = fastapi.FastAPI()\n@app.get('/a')\ndef a(): ...\n")
    (tmp_path / "b.py").write_text("import fastapi\nweb = fastapi.FastAPI(title='B')\n")
    assert (scan(tmp_path).application.target, scan(tmp_path).others) == ("a:app", ("b:web",))
    assert scan(tmp_path, target="b:web").name == "b"
    with pytest.raises(BadInput, match="b:web"):
        scan(tmp_path, target="c:app")


@pytest.mark.parametrize(
    "body",
    [
        "class A(B): ...\nclass B(A): ...\n@app.post('/x')\ndef x(a: A): ...",
        "A = A\n@app.post('/x')\ndef x(a: A): ...",
        "from service import A\n@app.post('/x')\ndef x(a: A): ...",
        "X = X\n@app.post(X)\ndef x(): ...",
        "app.include_router(app)\n@app.post('/x')\ndef x(a: 'list['): ...",
        "@app.post('/x')\ndef x(a: " + "list[" * 60 + "int" + "]" * 60 + "): ...",
        "def d(a=fastapi.Depends(d)): ...\n@app.post('/x')\ndef x(a=fastapi.Depends(d)): ...",
    ],
)
def test_python_that_goes_round_in_circles_ends(tmp_path: Path, body: str) -> None:
    (tmp_path / "service.py").write_text(f"import fastapi\napp = fastapi.FastAPI()\n{body}\n")
    assert scan(tmp_path).application.target == "service:app"
