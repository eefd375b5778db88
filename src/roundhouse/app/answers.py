"""Answers from documents, as a process that talks to people gives them."""

from __future__ import annotations

from roundhouse.app.parts import Parts
from roundhouse.engine.limits import EngineLimits
from roundhouse.engine.metering import Meter
from roundhouse.features.knowledge.answering.grounding import Grounder
from roundhouse.features.knowledge.answering.rewriting import QueryRewriter
from roundhouse.features.knowledge.answering.searched import Searched
from roundhouse.features.knowledge.answering.service import AskService
from roundhouse.features.knowledge.answering.voice import Voice
from roundhouse.features.knowledge.searching.rewriting import RewritingSearch


class Answers:
    """The verb `ask`, and what chats need of it.

    Args:
        parts: The shared parts of the process.
        meter: Whether a caller may ask a model now, and what that costs it.

    Attributes:
        asking: The verb.
        grounder: Gives chats what documents say.
        rewriting: The verb `search`, with queries made over.
    """

    def __init__(self, parts: Parts, meter: Meter) -> None:
        searching = Searched(parts.db, parts.knowledge_search.searching)
        voice, limits = Voice(parts.engine, meter), EngineLimits(parts.engine)
        self.grounder = Grounder(searching, voice, limits)
        model = parts.settings.chat.default_model
        self.asking = AskService(searching, voice, limits, model)
        self.rewriting = RewritingSearch(parts.knowledge_search.searching, QueryRewriter(voice, model))
