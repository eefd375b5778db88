"""Prompts of templates: Jinja in a sandbox from which nothing can be reached and which takes no time.

A prompt comes from a user and is rendered in our process. So it may show what it is given and choose by it; it calls
nothing, includes nothing, and loops over what it was given, once.

Source:
    Jinja 3.1 documentation, "Sandbox": the sandbox alone does not bound the time or the memory of a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from roundhouse.core.errors import Unprocessable

MOST_PROMPT_CHARS = 20_000
MOST_RENDERED_CHARS = 4_000_000

VARIABLES = frozenset({"transcript", "title", "language", "duration_s", "date", "speakers", "segments"})
"""What a prompt may show; `segments` are objects with `text`, `start_s`, `end_s`, `speaker`."""

_FILTERS = frozenset(
    {
        *(
            "upper",
            "lower",
            "title",
            "capitalize",
            "trim",
            "join",
            "length",
            "count",
            "default",
            "d",
            "first",
        ),
        *("last", "round", "int", "float", "tojson", "truncate", "list", "sort", "unique", "reverse", "e"),
    }
)
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: "calls something",
    nodes.CallBlock: "calls something",
    nodes.Macro: "defines a macro",
    nodes.Include: "includes something",
    nodes.Import: "imports something",
    nodes.FromImport: "imports something",
    nodes.Extends: "extends something",
    nodes.Pow: "raises to a power",
    nodes.Mul: "multiplies",
    nodes.Mod: "formats",
    nodes.Assign: "assigns",
    nodes.AssignBlock: "assigns",
    nodes.FilterBlock: "filters a block",
}


def check_prompt(text: str) -> None:
    """Raise Unprocessable, naming line and reason, unless a template may have this prompt."""
    _parsed(_environment(), text)


def render(text: str, values: Mapping[str, Any]) -> str:
    """A checked prompt with these values; a transcript that it does not show stands behind it.

    Raises:
        Unprocessable: It fails with these values, or becomes too long.
    """
    environment = _environment()
    tree = _parsed(environment, text)
    shows = {one.name for one in tree.find_all(nodes.Name)}
    parts: list[str] = []
    size = 0
    try:
        for part in environment.from_string(tree).generate(dict(values)):
            parts.append(part)
            size += len(part)
            if size > MOST_RENDERED_CHARS:
                raise Unprocessable("The prompt becomes too long.", param="prompt")
    except (TemplateError, SecurityError, TypeError, ValueError, ArithmeticError) as error:
        raise Unprocessable(f"The prompt cannot be rendered: {str(error)[:200]}", param="prompt") from None
    rendered = "".join(parts).strip()
    if not shows & {"transcript", "segments"}:
        rendered = f"{rendered}\n\n{values['transcript']}"
    return rendered


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(autoescape=False, trim_blocks=True, lstrip_blocks=True)
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    return environment


def _parsed(environment: ImmutableSandboxedEnvironment, text: str) -> nodes.Template:
    if not text.strip() or len(text) > MOST_PROMPT_CHARS:
        raise Unprocessable(f"prompt has 1 to {MOST_PROMPT_CHARS} characters.", param="prompt")
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        raise Unprocessable(f"prompt: line {error.lineno}: {error.message}", param="prompt") from None
    except RecursionError:
        raise Unprocessable("prompt is nested too deep.", param="prompt") from None
    _check_nodes(tree)
    return tree


def _check_nodes(tree: nodes.Template) -> None:
    for kind, what in _REFUSED.items():
        found = next(tree.find_all(kind), None)
        if found is not None:
            raise _refusal(found, f"it {what}")
    for one in tree.find_all(nodes.Filter):
        if one.name not in _FILTERS:
            raise _refusal(one, f"there is no filter {one.name!r}")
    for outer in tree.find_all(nodes.For):
        if next(
            (inner for part in outer.body for inner in part.find_all(nodes.For)), None
        ) is not None or any(isinstance(part, nodes.For) for part in outer.body):
            raise _refusal(outer, "a loop stands inside a loop")
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"} | {"loop"}
    for name in tree.find_all(nodes.Name):
        if name.name not in VARIABLES | own:
            raise _refusal(name, f"there is no {name.name[:60]!r}, only {', '.join(sorted(VARIABLES))}")


def _refusal(node: nodes.Node, what: str) -> Unprocessable:
    return Unprocessable(f"prompt: line {node.lineno}: {what}.", param="prompt")
