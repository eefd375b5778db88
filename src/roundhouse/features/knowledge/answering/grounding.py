"""Chats that answer from documents: what a question of a session is given, and what its answer cites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roundhouse.core.types import Caller
from roundhouse.engine.limits import Limits
from roundhouse.features.knowledge.answering import material, prompting, wording
from roundhouse.features.knowledge.answering.checking import check
from roundhouse.features.knowledge.answering.citing import Numbered, citation, cited, wire
from roundhouse.features.knowledge.answering.evidence import ASKED_FROM, QUOTED_FROM, weigh
from roundhouse.features.knowledge.answering.inert import Inert, inert
from roundhouse.features.knowledge.answering.ports import Passage, Searching, Wanted
from roundhouse.features.knowledge.answering.quoting import compose
from roundhouse.features.knowledge.answering.retrieving import Retrieved, retrieve, rewritten
from roundhouse.features.knowledge.answering.service import ANSWER_TOKENS, MAX_PROMPT_TOKENS
from roundhouse.features.knowledge.answering.standalone import Turn
from roundhouse.features.knowledge.answering.voice import QUOTING_TARGET, Voice

PASSAGES = 8
"""Most passages of one question."""

_NOTHING = "No passage of the attached documents bears on the last question. Say so, unless the conversation answers."
_LEAST_SHARE = 8


class Grounding:
    """What one answer of a chat is given, and what became of it.

    Args:
        asked: The question.
        numbered: Passages, under the numbers by which they can be cited.
        rules: For the system message; "" = nothing.
        block: The passages as the model is told them; "" = none.
        answer: What is said instead of asking the model; None = it is asked.
        found: Whether the documents bear on the question.
        warnings: Codes of what did not go as it should.
        quoted: By number, what of a passage the `answer` quotes.
        model: Who gives the `answer`.
    """

    def __init__(
        self,
        asked: str,
        numbered: Sequence[Numbered] = (),
        *,
        rules: str = "",
        block: str = "",
        answer: str | None = None,
        found: bool = False,
        warnings: Sequence[str] = (),
        quoted: Mapping[int, list[tuple[int, int]]] | None = None,
    ) -> None:
        self.answer = answer
        self.found = found
        self.warnings = tuple(warnings)
        self.model = QUOTING_TARGET
        self._rules = rules
        self._block = block
        self._numbered = tuple(numbered)
        self._quoted = quoted
        self._filter = Inert(asked, {one.number for one in numbered})

    @property
    def citations(self) -> list[dict[str, Any]]:
        """Every passage that the answer can cite."""
        return wire(citation(one) for one in self._numbered)

    def told(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Messages in OpenAI's form, with the rules and the passages."""
        given = [dict(message) for message in messages]
        if self._block:
            last = max(place for place, one in enumerate(given) if one["role"] == "user")
            given[last] = _before(given[last], self._block)
        if self._rules:
            if given[0]["role"] == "system":
                given[0]["content"] = f"{given[0]['content']}\n\n{self._rules.strip()}"
            else:
                given.insert(0, {"role": "system", "content": self._rules.strip()})
        return given

    def feed(self, text: str) -> str:
        """What of the answer is sure now, with a piece more of it; nothing alive is in it."""
        return self._filter.feed(text)

    def end(self) -> str:
        """The rest of it."""
        return self._filter.end()

    def cited(self, text: str) -> list[dict[str, Any]]:
        """The citations of a whole answer."""
        quoted = check(text, self._numbered).quoted if self._quoted is None else self._quoted
        return wire(cited(text, self._numbered, quoted))

    def unsupported(self, text: str) -> list[dict[str, Any]]:
        """Sentences of a whole answer that no passage supports: `{"sentence", "start", "end"}`."""
        if self._quoted is not None or not self._numbered:
            return []
        return [
            {"sentence": one.sentence, "start": one.start, "end": one.end}
            for one in check(text, self._numbered).checks
            if one.supported is False
        ]


class Grounder:
    """Prepares answers of chats from documents; what a chat room asks for as its port `Knowledge`.

    Args:
        searching: Finds passages.
        voice: The language models.
        limits: What they take.
    """

    def __init__(self, searching: Searching, voice: Voice, limits: Limits) -> None:
        self._searching = searching
        self._voice = voice
        self._limits = limits

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        """Those of the stores that are there for the caller."""
        return await self._searching.visible(caller, store_ids)

    async def prepare(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        messages: Sequence[Mapping[str, Any]],
        model: str,
        earlier: Sequence[Mapping[str, Any]],
        request_id: str,
    ) -> Grounding:
        """Search for the last question of a conversation. Stores that are gone are warned of.

        Args:
            caller: Who asks.
            store_ids: Stores of the session.
            messages: What the model is told, text only, the question last.
            model: Who answers.
            earlier: Citations of the part of the answer that is there already: they keep their numbers.
            request_id: For the record of use.

        Raises:
            RoundhouseError: What the search raises, and the engine where it rewrites the question.
        """
        turns = [Turn(str(one["role"]), str(one["content"])) for one in messages]
        place = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=-1)
        asked = turns[place].text if place >= 0 else ""
        there = set(await self._searching.visible(caller, store_ids))
        gone = [f"vector_store_gone:{one}" for one in store_ids if one not in there]
        if not there or not asked.strip():
            return Grounding(asked, warnings=gone)
        quotes = await self._voice.quotes_only(caller, model, asked)
        history = [turn for turn in turns[:place] if turn.role in ("user", "assistant")]
        question = await rewritten(None if quotes else self._voice, caller, model, asked, history, request_id)
        wanted = Wanted(question.text, PASSAGES)
        chosen = [one for one in store_ids if one in there]
        retrieved = await retrieve(self._searching, caller, chosen, question, wanted)
        warnings = [*gone, *retrieved.warnings]
        if quotes:
            return _quoting(asked, retrieved, history, warnings, begun=bool(earlier))
        return self._told(caller, model, asked, retrieved, turns, earlier, warnings)

    def _told(
        self,
        caller: Caller,
        model: str,
        asked: str,
        retrieved: Retrieved,
        turns: Sequence[Turn],
        earlier: Sequence[Mapping[str, Any]],
        warnings: Sequence[str],
    ) -> Grounding:
        if not retrieved.bears(ASKED_FROM) and not earlier:
            return Grounding(asked, rules=_NOTHING, warnings=warnings)
        limit = self._limits.of(caller, model, asked)
        used = sum(limit.count(turn.text) + prompting.MESSAGE_TOKENS for turn in turns)
        room = limit.window_tokens - min(ANSWER_TOKENS, limit.window_tokens // 2) - used
        room = min(max(room, limit.window_tokens // _LEAST_SHARE), MAX_PROMPT_TOKENS)
        passages = _numbered([one.passage for one in retrieved.material.reads[:PASSAGES]], earlier)
        prompt = prompting.write(passages, retrieved.question.language, limit.count, room, in_chat=True)
        return Grounding(
            asked, prompt.numbered, rules=prompt.rules, block=prompt.block, found=True, warnings=warnings
        )


def _quoting(
    asked: str, retrieved: Retrieved, history: Sequence[Turn], warnings: Sequence[str], *, begun: bool
) -> Grounding:
    """What the built-in model says: quotes of documents, or of the conversation where that is what is asked."""
    question = retrieved.question
    # What was begun without documents, or was cut off, is written on as it was.
    if begun or (question.question.own or question.question.yours):
        return Grounding(asked, warnings=warnings)
    if retrieved.can_be_quoted:
        composed = compose(question.question, retrieved.material)
        text = inert(composed.text, asked, {one.number for one in composed.numbered})
        return Grounding(
            asked, composed.numbered, answer=text, found=True, warnings=warnings, quoted=composed.quoted
        )
    said = [_of_conversation(turn.text) for turn in history if turn.role == "user" and turn.text.strip()]
    spoken_of = weigh(material.read(question.question.terms, question.text, said))
    if spoken_of is not None and spoken_of.log_odds >= QUOTED_FROM[question.language]:
        return Grounding(asked, warnings=warnings)
    return Grounding(asked, answer=wording.NOT_FOUND[question.language], warnings=warnings, quoted={})


def _of_conversation(text: str) -> Passage:
    return Passage(0, "", "", "", None, (), 0, len(text), text, "text", "", 1.0)


def _numbered(passages: Sequence[Passage], earlier: Sequence[Mapping[str, Any]]) -> list[Numbered]:
    """Passages under numbers; those that an answer's beginning cites keep theirs, found again or not."""
    known = {str(one["passage_id"]): _cited_before(one) for one in earlier if "passage_id" in one}
    taken = {one.number for one in known.values()}
    free = (number for number in range(1, len(passages) + len(known) + 1) if number not in taken)
    rest = [Numbered(next(free), one) for one in passages if f"psg_{one.number}" not in known]
    return [*known.values(), *rest]


def _cited_before(told: Mapping[str, Any]) -> Numbered:
    passage = Passage(
        number=int(str(told["passage_id"]).removeprefix("psg_")),
        store_id=told["vector_store_id"],
        file_id=told["file_id"],
        filename=told["filename"],
        page=told["page"],
        headings=tuple(told["headings"]),
        start=told["start"],
        end=told["end"],
        text=told["text"],
        kind="text",
        language="",
        score=told["score"],
    )
    return Numbered(int(told["number"]), passage)


def _before(message: dict[str, Any], block: str) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": f"{block}\n\n{content}"}
    return {**message, "content": [{"type": "text", "text": block}, *content]}
