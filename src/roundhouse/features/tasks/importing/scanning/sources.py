"""The Python files of a folder, parsed, and which name of one means what in another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from roundhouse.core.errors import BadInput

MOST_FILES = 2000
MOST_FILE_BYTES = 1024 * 1024

_SKIPPED = frozenset(
    {"venv", "env", "node_modules", "__pycache__", "site-packages", "build", "dist", "tests", "test", "docs"}
)
_MOST_HOPS = 20

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
Key = tuple[str, str]
"""Module and name in it."""


class Module(msgspec.Struct):
    """One file.

    Attributes:
        dotted: Its name as others import it.
        path: In the folder, with slashes.
        tree: Parsed.
        imports: Name here -> module it comes from, and its name there; empty = the module itself.
        defined: Classes, functions and assignments, by name; those inside of functions as well.
    """

    dotted: str
    path: str
    tree: ast.Module
    imports: dict[str, Key]
    defined: dict[str, Definition]


class Sources:
    """All files of a folder.

    Args:
        modules: By their dotted names.
        warnings: What could not be read.
    """

    def __init__(self, modules: dict[str, Module], warnings: list[str]) -> None:
        self.modules = modules
        self.warnings = warnings

    def origin(self, module: Module, node: ast.AST) -> Key:
        """Where a name, or a dotted one, comes from: module and name in it; both empty = it cannot be told."""
        if isinstance(node, ast.Attribute):
            dotted, name = self.origin(module, node.value)
            if name and f"{dotted}.{name}" in self.modules:
                dotted, name = f"{dotted}.{name}", ""
            if dotted and not name:
                return self._behind((dotted, node.attr))
            return (dotted, f"{name}.{node.attr}") if dotted else ("", "")
        if isinstance(node, ast.Call):
            return self.origin(module, node.func)
        if not isinstance(node, ast.Name):
            return "", ""
        if node.id in module.imports:
            dotted, name = module.imports[node.id]
            if name and self._local(f"{dotted}.{name}"):
                return self._local(f"{dotted}.{name}"), ""
            return self._behind((dotted, name)) if name else (self._local(dotted) or dotted, "")
        return module.dotted, node.id

    def find(self, key: Key) -> tuple[Module, Definition] | None:
        """The definition of a name of one of these files."""
        module = self.modules.get(self._local(key[0]))
        found = module.defined.get(key[1]) if module is not None else None
        return (module, found) if module is not None and found is not None else None

    def _behind(self, key: Key) -> Key:
        """The name where it is defined, past modules that only import it themselves."""
        for _ in range(_MOST_HOPS):
            local = self._local(key[0])
            module = self.modules.get(local)
            if module is None:
                return key
            key = (local, key[1])
            if key[1] in module.defined or key[1] not in module.imports:
                return key
            dotted, name = module.imports[key[1]]
            if not name:
                return self._local(dotted) or dotted, ""
            key = (dotted, name)
        return key

    def _local(self, dotted: str) -> str:
        """The file that a dotted name means; empty = none of these."""
        if dotted in self.modules:
            return dotted
        # A folder that is run from inside imports by shorter names.
        alike = [name for name in self.modules if dotted and name.endswith(f".{dotted}")]
        return alike[0] if len(alike) == 1 else ""


def read_sources(folder: Path) -> Sources:
    """Parse all Python files of a folder, or one file.

    Raises:
        BadInput: It is not there, holds no Python, or too much of it.
    """
    if not folder.exists():
        raise BadInput(f"There is nothing at {folder}.")
    root = folder if folder.is_dir() else folder.parent
    modules, warnings = dict[str, Module](), list[str]()
    for path in _files(folder):
        if len(modules) >= MOST_FILES:
            raise BadInput(f"There are more than {MOST_FILES} Python files in {folder}.")
        shown = path.relative_to(root).as_posix()
        if path.stat().st_size > MOST_FILE_BYTES:
            warnings.append(f"{shown}: larger than {MOST_FILE_BYTES} bytes, not read")
            continue
        try:
            tree = ast.parse(path.read_bytes(), filename=shown)
        except (SyntaxError, ValueError, RecursionError) as error:
            warnings.append(f"{shown}: not Python that can be read ({type(error).__name__})")
            continue
        module = _module(shown, tree)
        modules[module.dotted] = module
    if not modules:
        raise BadInput(f"There is no Python in {folder}.")
    return Sources(modules, warnings)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if (
            not any(part.startswith(".") or part.lower() in _SKIPPED for part in parts[:-1])
            and path.is_file()
        ):
            yield path


def _module(path: str, tree: ast.Module) -> Module:
    parts = path.removesuffix(".py").split("/")
    package = parts[:-1]
    if parts[-1] == "__init__" and package:
        parts = package
    if parts[0] == "src" and len(parts) > 1:
        parts, package = parts[1:], package[1:]
    return Module(".".join(parts), path, tree, _imports(tree, package), _defined(tree))


def _imports(tree: ast.Module, package: list[str]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found[name] = (alias.name if alias.asname else name, "")
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            dotted = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found[alias.asname or alias.name] = (dotted, alias.name)
    return found


def _defined(tree: ast.Module) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.setdefault(node.name, node)
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            found.setdefault(node.targets[0].id, node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found.setdefault(node.target.id, node)
    return found
