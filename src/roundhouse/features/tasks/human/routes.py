"""Routes of the inbox, and the page behind a link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from roundhouse.core.errors import AlreadyAnswered, BadInput, NotFound, RequestExpired, Unprocessable
from roundhouse.core.types import Caller
from roundhouse.features.tasks.human.pages import HEADERS, question_page, read_decision, told_page
from roundhouse.features.tasks.human.schemas import (
    AnswerAsk,
    ClaimAsk,
    CommentAsk,
    HumanRequestList,
    HumanRequestRead,
    LinkAsk,
    LinkRead,
    ReassignAsk,
    RejectAsk,
)
from roundhouse.features.tasks.human.service import LINK_PATH, Inbox, Sort, StateFilter
from roundhouse.features.tasks.human.texts import language_of
from roundhouse.infra.auth import require

Person = Annotated[Caller, Depends(require("human"))]
RequestId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Token = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
Assignees = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^(me|(user|group|key):[^\x00-\x20\x7f]{1,190})$")]],
    Query(max_length=20, description="`me`, `user:…`, `group:…`; repeated, any of them."),
]
State = Annotated[StateFilter, Query(description="`open` has those that are claimed as well.")]
OfTask = Annotated[str | None, Query(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
SortBy = Annotated[Sort, Query(description="`due`: the most urgent first.")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor`: the page behind the one that told it.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]

_MOST_FORM_BYTES = 1024 * 1024
_GONE = (AlreadyAnswered, RequestExpired, NotFound)


def router(inbox: Inbox) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["human"])

    @routes.get("/v1/human", operation_id="list_human_requests")
    async def list_human_requests(
        caller: Person,
        state: State = "open",
        assignee: Assignees = [],  # noqa: B006 - the framework copies it
        task_id: OfTask = None,
        sort: SortBy = "due",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> HumanRequestList:
        """What people are asked."""
        return await inbox.page(
            caller, state=state, assignees=assignee, task_id=task_id, sort=sort, cursor=cursor, limit=limit
        )

    @routes.get("/v1/human/{request_id}", operation_id="get_human_request")
    async def get_human_request(caller: Person, request_id: RequestId) -> HumanRequestRead:
        """One request with its history."""
        return await inbox.get(caller, request_id)

    _add_decisions(routes, inbox)
    _add_link_pages(routes, inbox)
    return routes


def _add_decisions(routes: APIRouter, inbox: Inbox) -> None:
    @routes.post("/v1/human/{request_id}/claim", operation_id="claim_human_request")
    async def claim_human_request(
        caller: Person, request_id: RequestId, body: ClaimAsk | None = None
    ) -> HumanRequestRead:
        """Say that you work on it, so that nobody else does."""
        return await inbox.claim(caller, request_id, ClaimAsk() if body is None else body)

    @routes.post("/v1/human/{request_id}/answer", operation_id="answer_human_request")
    async def answer_human_request(
        caller: Person, request_id: RequestId, body: AnswerAsk
    ) -> HumanRequestRead:
        """Answer it; the task goes on. Once only: the second one is told who was first."""
        return await inbox.answer(caller, request_id, body)

    @routes.post("/v1/human/{request_id}/reject", operation_id="reject_human_request")
    async def reject_human_request(
        caller: Person, request_id: RequestId, body: RejectAsk | None = None
    ) -> HumanRequestRead:
        """Say no."""
        return await inbox.reject(caller, request_id, RejectAsk() if body is None else body)

    @routes.post("/v1/human/{request_id}/reassign", operation_id="reassign_human_request")
    async def reassign_human_request(
        caller: Person, request_id: RequestId, body: ReassignAsk
    ) -> HumanRequestRead:
        """Ask others instead."""
        return await inbox.reassign(caller, request_id, body)

    @routes.post("/v1/human/{request_id}/comment", operation_id="comment_human_request")
    async def comment_human_request(
        caller: Person, request_id: RequestId, body: CommentAsk
    ) -> HumanRequestRead:
        """Add a word to its history."""
        return await inbox.comment(caller, request_id, body)

    @routes.post("/v1/human/{request_id}/links", operation_id="link_human_request", status_code=201)
    async def link_human_request(caller: Person, request_id: RequestId, body: LinkAsk) -> LinkRead:
        """A link with which one person can decide without a key, once. It is shown this once."""
        return await inbox.make_link(caller, request_id, body)


def _add_link_pages(routes: APIRouter, inbox: Inbox) -> None:
    path = LINK_PATH + "{token}"

    # For people with a browser, not for clients: the link is the permission.
    @routes.get(path, response_class=HTMLResponse, include_in_schema=False)
    async def show_human_link(request: Request, token: Token) -> HTMLResponse:
        """The page behind a link. Looking at it, however often and whoever does, decides nothing."""
        language = language_of(request.headers.get("accept-language", ""))
        try:
            found = await inbox.look(token)
        except _GONE as error:
            return _gone(error, language)
        return _answered(question_page(found, language))

    @routes.post(path, response_class=HTMLResponse, include_in_schema=False)
    async def decide_by_human_link(request: Request, token: Token) -> HTMLResponse:
        """Send the page's form: it decides, once."""
        language = language_of(request.headers.get("accept-language", ""))
        body = await request.body()
        if len(body) > _MOST_FORM_BYTES:
            raise BadInput("The form is larger than 1 MiB.")
        try:
            found = await inbox.look(token)
            said = read_decision(found, body)
            await inbox.decide_by_link(token, said)
        except _GONE as error:
            return _gone(error, language)
        except Unprocessable as error:
            return _answered(question_page(found, language, error.detail), error.status)
        return _answered(told_page("thanks" if said.verb == "answer" else "rejected", language))


def _gone(error: AlreadyAnswered | RequestExpired | NotFound, language: str) -> HTMLResponse:
    if isinstance(error, AlreadyAnswered):
        return _answered(told_page("answered", language, error.detail), error.status)
    word = "expired" if isinstance(error, RequestExpired) else "unknown"
    return _answered(told_page(word, language), error.status)


def _answered(page: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page, status, HEADERS)
