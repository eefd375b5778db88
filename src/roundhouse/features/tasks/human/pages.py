"""The page behind a link: a form without any script. To look at it changes nothing: mail scanners do so."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qs

import msgspec

from roundhouse.core.errors import BadInput, Unprocessable
from roundhouse.features.tasks.human.deciding import Decision
from roundhouse.features.tasks.human.model import HumanRequest
from roundhouse.features.tasks.human.texts import RIGHT_TO_LEFT, TEXTS
from roundhouse.infra.moments import moment

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    # The address is the permission; without any referrer a browser would not say where its form comes from, either.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
"""Headers of every page."""

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;color:#1c1b1a;"
    "background:#fbfaf8}h1{font-size:1.4rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f1efeb;"
    "padding:.75rem;border-radius:.5rem}label{display:block;margin:.75rem 0 .25rem}"
    "input:not([type=checkbox]):not([type=radio]),textarea,select{width:100%;box-sizing:border-box;font:inherit;"
    "padding:.5rem;border:1px solid #8a857c;border-radius:.375rem}textarea{min-height:8rem}"
    "button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;border-radius:.375rem;border:1px solid #8a857c;"
    "background:#fff}button[value=answer]{background:#1f5f4a;color:#fff;border-color:#1f5f4a}"
    "@media(prefers-color-scheme:dark){body{background:#1b1a19;color:#eee}pre{background:#292725}"
    "button,input,textarea,select{background:#222;color:#eee}}"
)
_SCALARS = frozenset({"string", "number", "integer", "boolean"})
_MOST_FIELDS = 40
_LONG_TEXT = 80
_MOST_SHOWN = 20_000


def question_page(request: HumanRequest, language: str, fault: str = "") -> str:
    """The form of a question.

    Args:
        request: The question.
        language: Of its words; those of the question are its own.
        fault: Why what was sent is not taken.
    """
    words = TEXTS[language]
    at = moment(request.due_at_s).strftime("%Y-%m-%d %H:%M UTC")
    parts = [f"<p>{escape(words['due'].format(at=at))}</p>"]
    if fault:
        parts.append(f'<p role="alert"><strong>{escape(words["invalid"].format(why=fault))}</strong></p>')
    if request.instructions:
        parts.append(f"<pre>{escape(request.instructions)}</pre>")
    parts += _section(words["input"], request.context.get("input"))
    tries = request.context.get("tries")
    if isinstance(tries, list) and tries:
        lines = "\n".join(
            f"{one.get('step')}: {one.get('message')}" for one in tries if isinstance(one, dict)
        )
        parts += _section(words["tries"], lines)
    if request.kind == "approve":
        parts += _section(words["draft"], request.draft)
    parts.append('<form method="post">')
    parts += _fields(request, words)
    parts.append(f'<label for="comment">{escape(words["comment"])}</label>')
    parts.append('<input id="comment" name="comment" dir="auto" maxlength="10000">')
    sends = words["approve"] if request.kind == "approve" else words["send"]
    parts.append(f'<button name="decision" value="answer">{escape(sends)}</button>')
    parts.append(f'<button name="decision" value="reject" formnovalidate>{escape(words["reject"])}</button>')
    parts.append("</form>")
    return _page(request.title or request.flow, "".join(parts), language)


def told_page(word: str, language: str, detail: str = "") -> str:
    """A page that says one thing.

    Args:
        word: Key of `texts.TEXTS`.
        language: Of its words.
        detail: What else is to be said.
    """
    more = f"<p>{escape(detail)}</p>" if detail else ""
    return _page(TEXTS[language][word], more, language)


def read_decision(request: HumanRequest, body: bytes) -> Decision:
    """What a form says.

    Raises:
        BadInput: It is not the form of this page.
        Unprocessable: What should be JSON is none.
    """
    try:
        sent = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS + 10)
    except (UnicodeDecodeError, ValueError):
        raise BadInput("The form cannot be read.") from None
    values = {name: several[-1].replace("\0", "") for name, several in sent.items()}
    comment = values.get("comment", "")[:10_000]
    verb = values.get("decision")
    if verb == "reject":
        return Decision("reject", None, comment)
    if verb != "answer":
        raise BadInput("The form says neither yes nor no.", param="decision")
    return Decision("answer", _answer(request, values), comment)


def _answer(request: HumanRequest, values: Mapping[str, str]) -> Any:
    if request.kind == "choose":
        chosen = values.get("option", "")
        if not chosen.isdigit() or int(chosen) >= len(request.options):
            raise Unprocessable("Nothing is chosen.", param="/answer")
        return request.options[int(chosen)]
    if request.kind == "approve" and request.form is None:
        return None
    simple = _simple(request.form)
    if simple is None:
        return _as_json(values.get("answer", ""))
    given = dict(request.draft) if isinstance(request.draft, dict) else {}
    for name, schema in simple.items():
        value = _typed(schema, values.get(f"f.{name}"))
        if value is None:
            given.pop(name, None)
        else:
            given[name] = value
    return given


def _typed(schema: Mapping[str, Any], text: str | None) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return text is not None
    if text is None or (text == "" and kind != "string"):
        return None
    if "enum" in schema:
        return next((one for one in schema["enum"] if str(one) == text), text)
    if kind in ("number", "integer"):
        return _as_json(text)
    return text.replace("\r\n", "\n")


def _as_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Unprocessable("This is not JSON.", param="/answer") from None


def _simple(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The fields of a form that has only plain ones, None for any other."""
    properties = form.get("properties") if form is not None else None
    if not isinstance(properties, dict) or not 0 < len(properties) <= _MOST_FIELDS:
        return None
    plain = all(isinstance(one, dict) and one.get("type") in _SCALARS for one in properties.values())
    return properties if plain else None


def _fields(request: HumanRequest, words: Mapping[str, str]) -> list[str]:
    if request.kind == "choose":
        return [
            f'<label><input type="radio" name="option" value="{number}" required> {escape(_text(one))}</label>'
            for number, one in enumerate(request.options)
        ]
    if request.kind == "approve" and request.form is None:
        return []
    simple = _simple(request.form)
    if simple is not None:
        draft = request.draft if isinstance(request.draft, dict) else {}
        required = (request.form or {}).get("required") or []
        return [_field(name, one, draft.get(name), name in required) for name, one in simple.items()]
    draft_text = "" if request.draft is None else _json(request.draft)
    about = f"{words['answer']} ({words['json']})"
    return [
        f'<label for="answer">{escape(about)}</label>',
        f'<textarea id="answer" name="answer" dir="auto">{escape(draft_text)}</textarea>',
    ]


def _field(name: str, schema: Mapping[str, Any], value: Any, required: bool) -> str:
    key = escape(f"f.{name}", quote=True)
    label = f'<label for="{key}">{escape(str(schema.get("title") or name))}</label>'
    needed = " required" if required else ""
    text = "" if value is None else _text(value)
    if schema.get("type") == "boolean":
        checked = " checked" if value is True else ""
        return f'{label}<input type="checkbox" id="{key}" name="{key}" value="1"{checked}>'
    if isinstance(schema.get("enum"), list):
        options = "".join(
            f"<option{' selected' if one == value else ''}>{escape(_text(one))}</option>"
            for one in schema["enum"]
        )
        return f'{label}<select id="{key}" name="{key}"{needed}>{options}</select>'
    if schema.get("type") in ("number", "integer"):
        return f'{label}<input id="{key}" name="{key}" inputmode="decimal" value="{escape(text)}"{needed}>'
    if len(text) > _LONG_TEXT or "\n" in text:
        return f'{label}<textarea id="{key}" name="{key}" dir="auto"{needed}>{escape(text)}</textarea>'
    return f'{label}<input id="{key}" name="{key}" dir="auto" value="{escape(text)}"{needed}>'


def _section(title: str, value: Any) -> list[str]:
    if value in (None, "", {}, []):
        return []
    return [f'<h2>{escape(title)}</h2><pre dir="auto">{escape(_text(value)[:_MOST_SHOWN])}</pre>']


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _page(title: str, body: str, language: str) -> str:
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return (
        f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><h1 dir="auto">{escape(title)}</h1>{body}</main></body></html>'
    )
