from typing import Annotated

from fastapi import APIRouter, Body, File, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse

from ..schemas import KETTLE, Item, Kind

router = APIRouter()
forgotten = APIRouter()

PATH = "/{item_id}"


@router.get(PATH)
async def show(request: Request, item_id: int, lang: str = "vi", kinds: list[Kind] = Query([])) -> Item: ...


@router.api_route("/{item_id}", methods=["PUT", "PATCH"], tags=["changes"])
async def change(
    item_id: int, item: Annotated[Item, Body(openapi_examples={"kettle": {"value": KETTLE}})]
): ...


@router.post("/{item_id}/photos/{rest:path}")
def photos(
    item_id: int, rest: str, file: UploadFile, more: list[UploadFile] = File([]), note: str = Form("")
) -> FileResponse: ...


@router.delete("/{item_id}", status_code=204, summary="Gone")
def remove(item_id: int) -> None: ...


@forgotten.get("/nothing")
def nothing() -> None: ...
