"""Which distributions a folder of Python needs, from what it imports and from what it says itself."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from roundhouse.features.tasks.importing.scanning.found import Application
from roundhouse.features.tasks.importing.scanning.sources import Sources

_CALLED = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cairo": "pycairo",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "discord": "discord-py",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "ffmpeg": "ffmpeg-python",
    "fitz": "pymupdf",
    "flask_cors": "flask-cors",
    "git": "gitpython",
    "google.auth": "google-auth",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "llama_cpp": "llama-cpp-python",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "paddle": "paddlepaddle",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pyannote": "pyannote-audio",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socks": "pysocks",
    "speech_recognition": "speechrecognition",
    "telegram": "python-telegram-bot",
    "umap": "umap-learn",
    "websocket": "websocket-client",
    "whisper": "openai-whisper",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Names that are imported, and the distribution that has them, where those differ. What has the imported name is often
somebody else's: `whisper` is a database of time series."""

_SPECIFIER = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_SERVERS = {"fastapi": "uvicorn", "flask": "gunicorn"}


def requirements(folder: Path, sources: Sources, application: Application) -> list[str]:
    """Lines of a requirements file, by name; what the folder itself says stands with its versions."""
    told = {_normal(line): line for line in _told(folder)}
    needed = {*_imported(sources), application.framework, _SERVERS[application.framework]}
    if application.framework == "fastapi" and _takes_forms(application):
        needed.add("python-multipart")
    lines = dict(told)
    for name in needed:
        lines.setdefault(_normal(name), name)
    return [lines[name] for name in sorted(lines)]


def _takes_forms(application: Application) -> bool:
    bodies = (one.operation.get("requestBody", {}) for one in application.routes)
    return any("application/json" not in body.get("content", {}) for body in bodies if body)


def _normal(requirement: str) -> str:
    match = _SPECIFIER.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


def _told(folder: Path) -> list[str]:
    """What `requirements.txt` or `pyproject.toml` of the folder say."""
    root = folder if folder.is_dir() else folder.parent
    listed = root / "requirements.txt"
    if listed.is_file():
        lines = (
            line.partition(" #")[0].strip() for line in listed.read_text("utf-8", "replace").splitlines()
        )
        return [line for line in lines if _SPECIFIER.match(line)]
    project = root / "pyproject.toml"
    if project.is_file():
        try:
            found = (
                tomllib.loads(project.read_text("utf-8", "replace"))
                .get("project", {})
                .get("dependencies", [])
            )
        except (tomllib.TOMLDecodeError, AttributeError):
            return []
        return [str(one) for one in found] if isinstance(found, list) else []
    return []


def _imported(sources: Sources) -> set[str]:
    own = {part for name in sources.modules for part in name.split(".")}
    found = set()
    for module in sources.modules.values():
        for name in _top_level(module.tree):
            first = name.partition(".")[0]
            if first in sys.stdlib_module_names or first in own or first == "":
                continue
            found.add(_distribution(name))
    return found


def _distribution(name: str) -> str:
    """The distribution that has a module."""
    parts = name.split(".")
    if parts[:2] == ["google", "cloud"] and len(parts) > 2:
        return f"google-cloud-{parts[2]}".replace("_", "-")
    known = _CALLED.get(".".join(parts[:2])) or _CALLED.get(parts[0])
    return known or parts[0].lower().replace("_", "-")


def _top_level(tree: ast.Module) -> Iterable[str]:
    """All that is imported, but what only a checker of types sees."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and node.module:
                yield node.module
        else:
            waiting += ast.iter_child_nodes(node)
