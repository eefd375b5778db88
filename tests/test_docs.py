"""The documents say what the code does: pages made from it, and names, tables and examples in those written by hand."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from typer.main import get_command

from peers.asking import backend_context, provider_of
from roundhouse.backends.anthropic_request import messages_body
from roundhouse.backends.anthropic_server import AnthropicOptions
from roundhouse.backends.ollama_request import OllamaOptions, chat_body
from roundhouse.backends.openai_provider import OpenAIOptions
from roundhouse.cli.tree import commands
from roundhouse.core import registry
from roundhouse.core.errors import RoundhouseError, tree
from roundhouse.core.jobs import JOB_STATES
from roundhouse.core.settings import LEGACY_ENV, Settings
from roundhouse.core.settings_reference import sections
from roundhouse.core.types import ALL_SCOPES, Caller, Fields, ModelInfo, ModelRequest
from roundhouse.features.access.schemas import KeyCreate
from roundhouse.features.access.signatures import sign, signed_text
from roundhouse.features.audio.jobs import CLEANUP as RECORDING_CLEANUP
from roundhouse.features.audio.service.accepting import PROCESS
from roundhouse.features.chat.jobs import SESSION_CLEANUP
from roundhouse.features.gateway.schemas import BudgetRead, ProviderCreate, ResidentRead
from roundhouse.features.gateway.service.pulls import PULL
from roundhouse.features.knowledge.stores.work import CLEANUP as STORE_CLEANUP
from roundhouse.features.knowledge.stores.work import INGEST
from roundhouse.features.ops.jobs import CLEANUP
from roundhouse.features.ops.service.upkeep import CLEAN
from roundhouse.features.tasks.running.model import TASK
from roundhouse.infra.jobs.shapes import JobRead
from roundhouse.infra.jobs.telling import EventType
from roundhouse.infra.telemetry.metrics import Metrics
from serving import House

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "roundhouse"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").glob("*.md")])
BY_HAND = [page for page in PAGES if "reference" not in page.parts]
NAMES = [str(page.relative_to(ROOT)) for page in BY_HAND]

MOST_ARCHITECTURE_LINES = 150
BUILT = {"__pycache__", "ui"}
"""Folders of the package that are no source."""
OTHER_VARIABLES = {
    "ROUNDHOUSE_CONFIG",
    "ROUNDHOUSE_URL",
    "ROUNDHOUSE_API_KEY",
    "ROUNDHOUSE_PROVIDER_KEY",
    "ROUNDHOUSE_MONGO_URI",
    "ROUNDHOUSE_BIN",
    "ROUNDHOUSE_HOME",
}


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def written() -> str:
    return "\n".join(text_of(name) for name in NAMES)


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def part(text: str, title: str) -> str:
    """One section of a page, up to the next of the same or a higher level."""
    level = re.search(rf"^(#+) {re.escape(title)}", text, re.MULTILINE)
    assert level, title
    rest = text[level.end() :]
    end = re.search(rf"^#{{1,{len(level[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """Cells of every table row, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = {place for place, cells in enumerate(found) if set("".join(cells)) <= set("-: ")}
    return [cells for place, cells in enumerate(found) if place not in rules and place + 1 not in rules]


def coded(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def reference() -> dict[str, str]:
    """The pages as the code makes them now."""
    made: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "scripts" / "write_reference.py"))[
        "pages"
    ]()
    return {name: make() for name, make in made.items()}


def openapi() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reference()["docs/reference/openapi.json"])
    return found


def test_the_pages_made_from_the_code_are_up_to_date() -> None:
    stale = [name for name, text in reference().items() if text_of(name) != text]
    assert stale == [], "run: make docs"
    made = {Path(name).name for name in reference() if "reference" in name}
    assert {page.name for page in (DOCS / "reference").iterdir()} == made


# Links


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", [str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_names_every_page() -> None:
    index = text_of("docs/README.md")
    pages = [page.relative_to(DOCS) for page in DOCS.rglob("*") if page.suffix in (".md", ".json")]
    missing = [
        str(page)
        for page in pages
        if page.parts[0] != "adr" and page.name != "README.md" and f"({page.as_posix()})" not in index
    ]
    assert missing == []


# Routes, errors, headers


def test_every_route_has_a_row_with_its_scope() -> None:
    page = text_of("docs/reference/api.md")
    given = {coded(cells[0])[0] for cells in rows(page)}
    paths = {f"{method.upper()} {path}" for path, methods in openapi()["paths"].items() for method in methods}
    assert given == paths | {"GET /docs", "GET /openapi.json", "GET /asyncapi.json"}
    scopes = {word for cells in rows(page) for word in coded(cells[1])}
    assert scopes == set(ALL_SCOPES)


@pytest.mark.parametrize("name", NAMES)
def test_routes_that_are_named_exist(name: str) -> None:
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "x", path))
        for path, methods in openapi()["paths"].items()
        for method in methods
    }
    text = text_of(name).partition("\n## Not yet")[0] if name == "docs/migrating.md" else text_of(name)
    for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (?:/api)?(/(?:v1/)?[a-z][\w/-]*)", text):
        assert (method, path.rstrip("/")) in known, f"{method} {path}"


def test_codes_stand_with_their_status() -> None:
    statuses = {kind.code: kind.status for kind in tree()}
    found = re.findall(r"\b([45]\d\d) `([a-z]+(?:_[a-z]+)*)`", written())
    assert len(found) >= 15
    assert [(status, code) for status, code in found if statuses.get(code) != int(status)] == []


def test_every_error_has_a_row() -> None:
    assert {coded(cells[0])[0] for cells in rows(text_of("docs/reference/errors.md"))} == {
        kind.code for kind in tree()
    }


def test_headers_of_ours_are_told() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (SOURCE / "features" / "gateway").rglob("*.py"))
    sent = set(re.findall(r"x-roundhouse-[a-z]+", source))
    told = {
        word
        for cells in rows(part(text_of("docs/gateway.md"), "Headers of an answer"))
        for word in coded(cells[0])
    }
    assert len(sent) == 4
    assert sent == {header for header in told if header.startswith("x-roundhouse-")}
    assert set(re.findall(r"x-roundhouse-[a-z]+", written())) <= sent


def test_headers_that_are_read_are_told() -> None:
    told = set(
        re.findall(r"`([A-Za-z-]+)(?:: [^`]*)?`", part(text_of("docs/gateway.md"), "Headers of a request"))
    )
    source = (SOURCE / "infra" / "auth.py").read_text("utf-8") + (
        SOURCE / "features" / "access" / "signatures.py"
    ).read_text("utf-8")
    read = set(
        re.findall(
            r'"((?:x-(?:site|user|app)-id|x-scopes|x-timestamp|x-signature|x-api-key|api-key|authorization))"',
            source,
        )
    )
    assert len(read) == 9
    assert read <= {header.lower() for header in told}


# Settings, variables, metrics, commands


def test_settings_that_are_named_exist() -> None:
    known = {row.name for section in sections() for row in section.rows}
    tables = {section.name for section in sections() if section.name and not section.repeated}
    named = {
        name
        for name in re.findall(r"`([a-z]+\.[a-z_]+)(?: = [^`]*)?`", written())
        if name.partition(".")[0] in tables and not name.endswith((".py", ".md", ".toml"))
    }
    assert len(named) > 25
    assert named - known == set()


def test_variables_that_are_named_exist() -> None:
    known = {row.env for section in sections() for row in section.rows} | OTHER_VARIABLES
    named = set(re.findall(r"\bROUNDHOUSE_[A-Z_]+[A-Z]\b", written()))
    tests_only = {name for name in named if name.startswith("ROUNDHOUSE_TEST_")}
    assert named - known - tests_only == set()
    assert named >= OTHER_VARIABLES


def test_the_names_of_other_systems_are_told_with_what_they_mean() -> None:
    told = {
        coded(cells[0])[0]: coded(cells[1])[0]
        for cells in rows(part(text_of("docs/migrating.md"), "Environment names that are understood"))
    }
    assert told == {name: ".".join(path) for name, path in LEGACY_ENV.items()}


def test_metrics_that_are_named_exist() -> None:
    known = {metric.name for metric in Metrics.describe()}
    named = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\broundhouse_[a-z_]+", written())}
    assert named - known - {"roundhouse_test"} == set()
    assert len(named) >= 4
    page = text_of("docs/reference/metrics.md")
    assert {coded(cells[0])[0] for cells in rows(page)} == known


def verbs(group: Any = None, before: str = "") -> dict[str, set[str]]:
    """Options of every command, by the words that run it."""
    found: dict[str, set[str]] = {}
    for name, command in (group or get_command(commands)).commands.items():
        words = f"{before} {name}".strip()
        if hasattr(command, "commands"):
            found |= verbs(command, words)
        else:
            found[words] = {name for option in command.params for name in option.opts}
    return found


def typed() -> Iterator[tuple[str, str]]:
    """Every command of ours in a block, and its page; `roundhouse a b --c` up to the next sign of the shell."""
    for name in NAMES:
        for block in [*fences(text_of(name), "sh"), *re.findall(r"`(roundhouse [^`]+)`", text_of(name))]:
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith(("docker ", "sudo ")):
                    continue
                for words in re.findall(r"(?:^|[\s(|/])roundhouse ((?!\()[a-z][^|)&;>]*)", line):
                    yield name, words


def test_commands_that_are_typed_exist() -> None:
    known = verbs()
    seen = 0
    for name, words in typed():
        found = next(
            (verb for verb in sorted(known, key=len, reverse=True) if f"{words} ".startswith(f"{verb} ")),
            None,
        )
        # "roundhouse run | keys | …" and "the roundhouse image" name no command with its options.
        if found is None:
            assert words.split()[0] in {verb.split()[0] for verb in known} or words.startswith("<"), (
                f"{name}: {words}"
            )
            continue
        options = set(re.findall(r"(?<=\s)--[a-z][a-z-]+", words)) - {"--help"}
        assert options <= known[found], f"{name}: roundhouse {words}"
        seen += 1
    assert seen > 30


# Tables of the pages written by hand


def option_table(title: str) -> dict[str, str]:
    section = part(text_of("docs/providers.md"), title)
    return {coded(cells[0])[0]: cells[1] for cells in rows(section)}


def shown(default: Any) -> str:
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


@pytest.mark.parametrize(
    ("title", "options", "others"),
    [
        ("`openai`", OpenAIOptions, {}),
        ("`ollama`", OllamaOptions, {"keep_alive_s": "Ollama's own", "num_ctx": "Ollama's own"}),
        ("`anthropic`", AnthropicOptions, {}),
    ],
)
def test_options_of_each_kind(title: str, options: Any, others: dict[str, str]) -> None:
    table = option_table(title)
    made = options()
    assert list(table) == list(options.__struct_fields__)
    for name, cell in table.items():
        default = getattr(made, name)
        wanted = others.get(name, "none" if default is None else shown(default))
        assert cell == wanted, name


def test_every_kind_has_a_section_and_every_field_a_row() -> None:
    page = text_of("docs/providers.md")
    titles = " ".join(re.findall(r"^## (.+)$", page, re.MULTILINE))
    assert [kind for kind in registry.kinds() if f"`{kind}`" not in titles] == []
    told = {word for cells in rows(part(page, "What every provider has")) for word in coded(cells[0])}
    assert told == set(ProviderCreate.model_fields)
    described = set(coded(option_table_row("model_info")))
    assert described == set(ModelInfo.__struct_fields__) - {"id", "created_s"}


def option_table_row(name: str) -> str:
    section = part(text_of("docs/providers.md"), "`openai`")
    return next(cells[2] for cells in rows(section) if coded(cells[0]) == [name])


def test_fields_of_the_status_of_models() -> None:
    page = part(text_of("docs/models.md"), "Memory")
    above, _, below = page.partition("and of `devices` per memory")
    assert {word for cells in rows(above) for word in coded(cells[0])} == set(ResidentRead.model_fields)
    assert {word for cells in rows(below) for word in coded(cells[0])} == set(BudgetRead.model_fields)


def test_scopes_and_fields_of_keys() -> None:
    tables = rows(part(text_of("docs/access.md"), "Keys"))
    told = {word for cells in tables for word in coded(cells[0])}
    assert told == set(ALL_SCOPES) | set(KeyCreate.model_fields) - {"name"}


def test_actions_of_the_audit_log() -> None:
    rooms = "\n".join(path.read_text("utf-8") for path in (SOURCE / "features").rglob("*.py"))
    action = r"(?:key|provider|alias|model|job)\.[a-z]+"
    written_down = set(re.findall(f'"({action})"', rooms)) - set(get_args(EventType))
    assert len(written_down) >= 15
    assert set(re.findall(f"`({action})`", text_of("docs/access.md"))) == written_down


def test_kinds_fields_states_and_events_of_jobs() -> None:
    page = text_of("docs/jobs.md")
    kinds = rows(page.partition("\n## ")[0])
    assert {word for cells in kinds for word in coded(cells[0])} == {
        *(PULL, CLEANUP, CLEAN, SESSION_CLEANUP, PROCESS, RECORDING_CLEANUP, INGEST, STORE_CLEANUP, TASK)
    }
    fields, _, states = part(page, "Submit, look, follow").partition("| state |")
    assert {word for cells in rows(fields) for word in coded(cells[0])} == set(JobRead.model_fields)
    (shown,) = fences(page, "json")
    assert list(json.loads(shown)) == list(JobRead.model_fields)
    assert {word for cells in rows(f"| state |{states}") for word in coded(cells[0])} == set(JOB_STATES)
    events = part(page, "Events")
    assert {word for cells in rows(events) for word in coded(cells[0])} == set(get_args(EventType))
    for line in re.findall(r"^data: (.*)$", fences(page, "events")[0], re.MULTILINE):
        assert json.loads(line)["data"]["job_id"] == json.loads(shown)["id"]


def test_the_worked_example_of_a_signature() -> None:
    page = text_of("docs/access.md")
    (secret,) = re.findall(r"With the secret `([^`]+)`", page)
    (canonical,) = fences(page, "canonical")
    (signature,) = fences(page, "signature")
    (sent,) = fences(page, "headers")
    headers = {name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*)$", sent, re.MULTILINE)}
    method, path, *_ = canonical.splitlines()
    assert signed_text(method, path, headers) + "\n" == canonical
    assert sign(secret, method, path, headers) == signature.strip() == headers["x-signature"]


@pytest.mark.parametrize("name", [name for name in NAMES if fences(text_of(name), "toml")])
def test_settings_in_examples_can_be_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in fences(text_of(name), "toml"):
        values = tomllib.loads(block)
        settings = Settings.model_validate(values)
        for provider in settings.providers:
            registry.require_kind(provider.kind)
            kind = {"ollama": OllamaOptions, "anthropic": AnthropicOptions}.get(provider.kind, OpenAIOptions)
            assert set(provider.options) <= {*kind.__struct_fields__, "device", "memory_mib", "embedding"}
            msgspec.convert(provider.options, kind)


@pytest.mark.parametrize("name", [name for name in NAMES if fences(text_of(name), "json")])
def test_json_in_examples_is_json(name: str) -> None:
    for block in fences(text_of(name), "json"):
        json.loads(block)


# What is said of behaviour


async def test_requests_of_other_systems_work_as_they_stand(tmp_path: Path) -> None:
    (block,) = fences(text_of("docs/migrating.md"), "requests")
    desk = {
        "name": "ollama",
        "kind": "fake",
        "models": ["llama2:7b"],
        "options": {
            "manages_memory": True,
            "models": {"llama2:7b": {"footprint_mib": 4000}},
            "model_info": {"llama2:7b": {"size_bytes": 3_800_000_000}},
        },
    }
    lines = block.splitlines()
    assert len(lines) >= 8
    async with House(tmp_path, providers=[desk]) as house:
        for line in lines:
            method, path, *body = line.split(" ", 2)
            labelled = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
            answer = await house.send(method, path, data=body[0].encode() if body else None, headers=labelled)
            assert answer.status == 200, f"{line}: {answer.body!r}"


ASKED: dict[str, dict[str, Any]] = {
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "`response_format`": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    },
    "images": {"content": {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}},
    "`input_audio`, `audio_url`, `video_url`": {
        "content": {"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "wav"}}
    },
    "`file`": {"content": {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGVsbG8="}}},
    "`n` above 1": {"n": 2},
    "`stop`, token limit": {"stop": ["x"], "max_tokens": 9},
    "temperature, `top_p`": {"temperature": 0.5},
    "`seed`": {"seed": 7},
    "penalties": {"presence_penalty": 0.5},
    "`logprobs`": {"logprobs": True},
    "`logit_bias`": {"logit_bias": {"1": 5}},
    "`reasoning_effort`": {"reasoning_effort": "low"},
}


def asked(row: str) -> Fields:
    members = dict(ASKED[row])
    content = [{"type": "text", "text": "The sky is blue. What is blue?"}]
    if "content" in members:
        content.append(members.pop("content"))
    members["messages"] = [{"role": "user", "content": content}]
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}


async def refused_by_the_built_in(fields: Fields) -> None:
    async with backend_context() as context:
        backend = registry.find("chat", "builtin")(provider_of("builtin", ""), context)
        await backend.chat(ModelRequest("chat", "extractive", fields, Caller("key_x")), "extractive")


async def status_of(backend: str, fields: Fields) -> int:
    """200 when a backend takes a request, else the status of what it says."""
    try:
        if backend == "`ollama`":
            chat_body(fields, "m", OllamaOptions(), stream=False)
        elif backend == "`anthropic`":
            messages_body(fields, "m", AnthropicOptions(), stream=False)
        else:
            await refused_by_the_built_in(fields)
    except RoundhouseError as error:
        return error.status
    return 200


async def test_what_each_backend_supports() -> None:
    table = rows(part(text_of("docs/gateway.md"), "What each backend supports"))
    told = {
        cells[0]: dict(zip(("`ollama`", "`anthropic`", "built in"), cells[2:], strict=True))
        for cells in table
    }
    assert told.keys() - ASKED.keys() == {"chat, completions", "embeddings", "rerank"}
    for row in ASKED:
        for backend, cell in told[row].items():
            wanted = int(cell[:3]) if cell[:3].isdigit() else 200
            assert await status_of(backend, asked(row)) == wanted, f"{row} of {backend}: {cell}"


def test_the_architecture_is_that_of_the_code() -> None:
    page = text_of("ARCHITECTURE.md")
    assert len(page.splitlines()) <= MOST_ARCHITECTURE_LINES
    files = {
        word for word in coded(page) if re.fullmatch(r"[\w/]+/[\w/]*(?:\.py|\.md)?", word) and "<" not in word
    }
    assert [name for name in files if not (SOURCE / name).exists() and not (ROOT / name).exists()] == []
    source = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    classes = set(re.findall(r"^class (\w+)", source, re.MULTILINE))
    members = {
        (owner, member)
        for owner, body in re.findall(r"^class (\w+)[^\n]*\n((?:[ \t]+[^\n]*\n|\n)+)", source, re.MULTILINE)
        for member in re.findall(r"^    (?:async )?def (\w+)", body, re.MULTILINE)
    }
    for owner, member in re.findall(r"`([A-Z]\w+)\.(\w+)`", page):
        assert (owner, member) in members, f"{owner}.{member}"
    alone = set(re.findall(r"`([A-Z][a-z]\w+[a-z])`", page)) | set(re.findall(r"\b([A-Z][a-z]+)\(", page))
    assert alone - classes - {"Gatekeeper"} <= {"BaseHTTPMiddleware"}
    floors = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name not in BUILT}
    assert {name for name in floors if f"\n{name}/" not in page} == set()
    assert [
        path.parent.name
        for path in SOURCE.glob("features/*/routes.py")
        if f"  {path.parent.name}/" not in page
    ] == []
