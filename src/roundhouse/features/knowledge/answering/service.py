"""The verb `ask`: a question to the documents of a vector store, answered with citations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from roundhouse.core.types import Caller, Usage
from roundhouse.engine.limits import Limits
from roundhouse.features.knowledge.answering import prompting, wording
from roundhouse.features.knowledge.answering.checking import Checked, check
from roundhouse.features.knowledge.answering.citing import Numbered, cited, passage_id
from roundhouse.features.knowledge.answering.evidence import ASKED_FROM, QUOTED_FROM
from roundhouse.features.knowledge.answering.inert import Inert, inert
from roundhouse.features.knowledge.answering.model import Answered, Asked
from roundhouse.features.knowledge.answering.ports import Searching, Wanted
from roundhouse.features.knowledge.answering.quoting import compose
from roundhouse.features.knowledge.answering.retrieving import Retrieved, retrieve, rewritten
from roundhouse.features.knowledge.answering.voice import QUOTING_TARGET, Spoken, Voice

ANSWER_TOKENS = 1024
"""Room kept free for the answer; at most half of a small window."""

MAX_PROMPT_TOKENS = 16_000
"""Most of a large window that passages are given: what is read costs time and money."""

_MOST_ANSWER_CHARS = 200_000
_MOST_DRAINED_CHARS = 400


class AskService:
    """Answers from documents.

    Args:
        searching: Finds passages.
        voice: The language models.
        limits: What they take.
        default_model: Where the request names none.
    """

    def __init__(self, searching: Searching, voice: Voice, limits: Limits, default_model: str) -> None:
        self._searching = searching
        self._voice = voice
        self._limits = limits
        self._default_model = default_model

    async def begin(self, caller: Caller, store_id: str, asked: Asked, request_id: str) -> Answer:
        """Search, and begin an answer: what can be refused is refused here.

        Args:
            caller: Who asks.
            store_id: `vs_…`.
            asked: What.
            request_id: For logs and the record of use.

        Raises:
            NotFound: No such store.
            BadInput: The filters are not valid.
            ModelNotFound, NotAllowed: Nobody knows the model, or the key is not for it.
            RateLimited, BudgetExceeded: Not now.
            RoundhouseError: And whatever the search and the engine raise.
        """
        model = asked.model or self._default_model
        quotes = await self._voice.quotes_only(caller, model, asked.question)
        voice = None if quotes else self._voice
        question = await rewritten(voice, caller, model, asked.question, asked.history, request_id)
        wanted = Wanted(
            question.text, asked.max_passages, asked.file_ids, asked.filters, asked.min_similarity
        )
        retrieved = await retrieve(self._searching, caller, [store_id], question, wanted)
        answer = Answer(self._voice, caller, store_id, asked, model, retrieved, request_id)
        if quotes or not retrieved.bears(ASKED_FROM):
            await answer.quote(refuses=not quotes or not retrieved.can_be_quoted)
        else:
            limit = self._limits.of(caller, model, asked.question)
            room = limit.window_tokens - min(ANSWER_TOKENS, limit.window_tokens // 2)
            room -= limit.count(asked.question + question.text) + prompting.QUESTION_TOKENS
            await answer.speak(limit.count, min(room, MAX_PROMPT_TOKENS))
        return answer

    async def ask(self, caller: Caller, store_id: str, asked: Asked, request_id: str) -> Answered:
        """A whole answer; raises as `begin`, and whatever breaks the answer off."""
        answer = await self.begin(caller, store_id, asked, request_id)
        async for _ in answer.pieces():
            pass
        return answer.ended()


class Answer:
    """One answer in the making: take `pieces` to their end, then `ended`.

    Args:
        voice: The language models.
        caller: Who asks.
        store_id: The store that was asked.
        asked: What.
        model: Who answers, as the client wrote it.
        retrieved: What was found.
        request_id: For the record of use.
    """

    def __init__(
        self,
        voice: Voice,
        caller: Caller,
        store_id: str,
        asked: Asked,
        model: str,
        retrieved: Retrieved,
        request_id: str,
    ) -> None:
        self._voice = voice
        self._caller = caller
        self._store_id = store_id
        self._asked = asked
        self._model = model
        self._retrieved = retrieved
        self._request_id = request_id
        self._language = wording.language_of(asked.language, retrieved.question.language)
        self._numbered: tuple[Numbered, ...] = ()
        self._quoted: dict[int, list[tuple[int, int]]] = {}
        self._spoken: Spoken = voice.spoken(model)
        self._said: AsyncGenerator[str, None] | None = None
        self._first = ""
        self._texts: list[str] = []
        self._found = True

    async def quote(self, *, refuses: bool) -> None:
        """Answer with quotes, or refuse; no model is called. Raises RateLimited, BudgetExceeded."""
        self._first = text = self._quotes(refuses=refuses)
        self._spoken = await self._voice.quote(self._caller, self._model, self._request_id, len(text.split()))

    def _quotes(self, *, refuses: bool) -> str:
        if refuses:
            self._found = False
            return wording.NOT_FOUND[self._language]
        composed = compose(self._retrieved.question.question, self._retrieved.material)
        self._numbered, self._quoted = composed.numbered, composed.quoted
        return inert(composed.text, self._asked.question, {one.number for one in composed.numbered})

    async def speak(self, count: prompting.Count, budget_tokens: int) -> None:
        """Ask the model, and wait for its first words; raises what the engine raises."""
        retrieved, asked = self._retrieved, self._asked
        reads = retrieved.material.reads[: asked.max_passages]
        passages = [Numbered(place, one.passage) for place, one in enumerate(reads, start=1)]
        prompt = prompting.write(passages, self._language, count, budget_tokens)
        self._numbered = prompt.numbered
        question = prompting.question_message(prompt.block, asked.question, retrieved.question.text)
        messages = [{"role": "system", "content": prompt.rules}, {"role": "user", "content": question}]
        self._said = self._voice.stream(self._caller, self._model, messages, self._request_id, self._spoken)
        head = ""
        # Whether the documents answer is known when more was said than the one word that says they do not.
        async for piece in self._said:
            head += piece
            if not prompting.may_refuse(head):
                break
        if self._spoken.decision.target == QUOTING_TARGET:
            # Whoever was to answer could not, and the built-in model stood in: it quotes, and so its quotes are ours.
            await _drain(self._said)
            self._said = None
            self._first = self._quotes(refuses=not retrieved.can_be_quoted)
            return
        if prompting.refuses(head):
            await _drain(self._said)
            self._said, self._found = None, False
            self._first = wording.NOT_FOUND[self._language]
            return
        self._first = head

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The answer as it is made, with nothing alive in it; raises what breaks it off."""
        if self._said is None:
            self._texts.append(self._first)
            yield self._first
            return
        filtered = Inert(self._asked.question, {one.number for one in self._numbered})
        chars = len(self._first)
        try:
            for text in self._kept(filtered.feed(self._first)):
                yield text
            async for piece in self._said:
                chars += len(piece)
                for text in self._kept(filtered.feed(piece)):
                    yield text
                if chars > _MOST_ANSWER_CHARS:
                    self._spoken.finish_reason = "length"
                    break
            for text in self._kept(filtered.end()):
                yield text
        finally:
            await self._said.aclose()

    def _kept(self, text: str) -> list[str]:
        if text:
            self._texts.append(text)
        return [text] if text else []

    def ended(self) -> Answered:
        """The whole, once all pieces were taken."""
        text = "".join(self._texts)
        checked = check(text, self._numbered) if self._found else Checked((), {})
        quoted = self._quoted or checked.quoted
        spoken = self._spoken
        return Answered(
            store_id=self._store_id,
            question=self._asked.question,
            standalone=self._retrieved.question.text,
            text=text,
            found=self._found,
            language=self._language,
            model=spoken.decision.target or QUOTING_TARGET,
            citations=tuple(cited(text, self._numbered, quoted)),
            checks=checked.checks,
            finish_reason=spoken.finish_reason,
            usage=spoken.usage if spoken.usage.total_tokens else Usage(),
            warnings=self._retrieved.warnings,
            explain=self._explained() if self._asked.explain else None,
        )

    def _explained(self) -> dict[str, Any]:
        evidence = self._retrieved.evidence
        found = [
            {
                "passage_id": passage_id(one.passage.number),
                "file_id": one.passage.file_id,
                "filename": one.passage.filename,
                "page": one.passage.page,
                "score": one.passage.score,
                "similarity": one.passage.similarity,
                "lexical": one.passage.lexical,
                "alpha": one.passage.alpha,
                "coverage": round(self._retrieved.material.share(one.held), 4),
            }
            for one in self._retrieved.material.reads
        ]
        told = None
        if evidence is not None:
            told = msgspec.to_builtins(evidence) | {"probability": round(evidence.probability, 4)}
        return {
            "evidence": told,
            "quoted_from": QUOTED_FROM[self._retrieved.question.language],
            "asked_from": ASKED_FROM,
            "passages": found,
        }


async def _drain(said: AsyncGenerator[str, None]) -> None:
    """Let a model that has nothing to say end by itself, so that its tokens are told; not for long."""
    chars = 0
    async for piece in said:
        chars += len(piece)
        if chars > _MOST_DRAINED_CHARS:
            break
    await said.aclose()
