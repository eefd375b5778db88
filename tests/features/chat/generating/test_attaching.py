from __future__ import annotations

import base64

import pytest

from features.chat.rooms import ADA
from roundhouse.core.errors import NotFound, TooLarge
from roundhouse.core.types import FileInfo
from roundhouse.features.chat.generating.attaching import MOST_BYTES, MOST_TEXT_BYTES, attach


class Kept:
    """Files by id: content type and bytes, or a size alone."""

    def __init__(self, **files: tuple[str, bytes | int]) -> None:
        self._files = files

    async def get(self, caller, file_id: str) -> FileInfo:
        if file_id not in self._files:
            raise NotFound("No such file.")
        kind, content = self._files[file_id]
        size = content if isinstance(content, int) else len(content)
        whose = (caller.site_id, caller.user_id, caller.app_id)
        return FileInfo(file_id, *whose, f"{file_id}.bin", "user_data", kind, size, "0" * 64, 0.0, None)

    async def read(self, caller, file_id: str, start: int = 0, end: int | None = None):
        content = self._files[file_id][1]
        assert isinstance(content, bytes)

        async def pieces():
            for place in range(start, len(content) if end is None else end, 7):
                yield content[place : min(place + 7, len(content) if end is None else end)]

        return pieces()


def said(text: str) -> dict:
    return {"role": "user", "content": text}


async def test_files_go_with_their_messages():
    files = Kept(
        picture=("image/png", b"\x89PNG and more"),
        notes=("text/plain", "Grüße".encode()),
        tune=("audio/wav", b"RIFF"),
    )
    given = await attach(
        files,
        ADA,
        [said("Look."), said("Plain."), said("Read.")],
        [("picture", "gone"), (), ("notes", "tune")],
    )
    encoded = base64.b64encode(b"\x89PNG and more").decode()
    assert given[0]["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}},
    ]
    assert given[1] == said("Plain.")
    assert given[2]["content"][1:] == [
        {"type": "text", "text": "File notes.bin (text/plain, 7 bytes):\nGrüße"},
        {"type": "text", "text": "File tune.bin (audio/wav, 4 bytes) is attached."},
    ]


async def test_a_long_text_is_cut_and_the_model_is_told():
    files = Kept(long=("text/plain", b"x" * (MOST_TEXT_BYTES + 50)))
    (message,) = await attach(files, ADA, [said("Read.")], [("long",)])
    text = message["content"][1]["text"]
    assert text.startswith("File long.bin (text/plain, 100050 bytes), its beginning:\n")
    assert text.partition("\n")[2] == "x" * MOST_TEXT_BYTES


async def test_pictures_have_a_limit_together():
    files = Kept(one=("image/png", b"p"), two=("image/png", MOST_BYTES))
    with pytest.raises(TooLarge):
        await attach(files, ADA, [said("a"), said("b")], [("one",), ("two",)])
