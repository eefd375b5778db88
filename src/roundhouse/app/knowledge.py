"""The knowledge room of an API process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from roundhouse.features.knowledge.answering import routes as answer_routes
from roundhouse.features.knowledge.indexing.routes import index_routes
from roundhouse.features.knowledge.parsing.reading import InChild
from roundhouse.features.knowledge.searching.routes import search_routes
from roundhouse.features.knowledge.showing.routes import page_routes
from roundhouse.features.knowledge.showing.service import PageService
from roundhouse.features.knowledge.stores import routes as store_routes
from roundhouse.features.knowledge.stores.ports import Transcripts
from roundhouse.features.knowledge.stores.service import Adding, BatchService
from roundhouse.infra.jobs.child import run_in_child
from roundhouse.infra.rooms import gathered

if TYPE_CHECKING:
    from roundhouse.app.answers import Answers
    from roundhouse.app.parts import Parts


class KnowledgeRoom:
    """Vector stores, their search, and answers from them, as an API process serves them.

    Args:
        parts: The shared parts of the process.
        transcripts: Knows what was said in recordings.
        answers: What answers from documents.

    Attributes:
        files: The verbs of files in stores.
    """

    def __init__(self, parts: Parts, transcripts: Transcripts | None, answers: Answers) -> None:
        db, clock, mine = parts.db, parts.clock, parts.knowledge
        adding = Adding(parts.jobs, parts.settings.knowledge, clock)
        self.files = mine.files(parts.jobs, transcripts)
        self._stores = mine.stores(parts.jobs, self.files)
        self._batches = BatchService(db, self.files, adding, clock)
        self._answers = answers
        self._pages = PageService(parts.files, parts.settings.knowledge, _children)
        self._searching = parts.knowledge_search.searching
        self._versions = parts.knowledge_search.versions(parts.jobs)

    def router(self) -> APIRouter:
        """All routes of the room."""
        return gathered(
            store_routes.router(self._stores, self.files, self._batches),
            search_routes(self._searching, self._answers.rewriting),
            index_routes(self._versions),
            answer_routes.router(self._answers.asking),
            page_routes(self._pages),
        )


def _children(folder: Path) -> InChild:
    """Drawing a page tells nobody how far it is: it is soon done."""

    async def run(function: str, argument: Any) -> Any:
        return await run_in_child(function, argument, on_progress=lambda _share, _words: None, folder=folder)

    return run
