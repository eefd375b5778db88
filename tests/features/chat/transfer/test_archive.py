import gc
import io
import random
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.features.chat.transfer.archive import (
    Unpacked,
    ZipStream,
    conversation_members,
    file_name,
    members,
)


@given(
    st.dictionaries(
        st.text(st.sampled_from("abc/.é中"), min_size=1, max_size=8),
        st.lists(st.binary(max_size=99)),
        max_size=4,
    )
)
def test_what_is_sent_is_a_zip_file(files):
    stream = ZipStream()
    sent = b""
    for name, pieces in files.items():
        sent += stream.open(name, 1_700_000_000.0)
        for piece in pieces:
            sent += stream.write(piece)
        sent += stream.end_file()
    sent += stream.end()
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert {one.filename: archive.read(one) for one in archive.infolist()} == {
            name: b"".join(pieces) for name, pieces in files.items()
        }


@pytest.mark.parametrize("at_s", [0.0, 1e11])
def test_any_time_will_do(at_s):
    stream = ZipStream()
    sent = stream.open("a", at_s) + stream.end_file() + stream.end()
    assert zipfile.ZipFile(io.BytesIO(sent)).namelist() == ["a"]


def test_it_comes_while_it_is_written():
    stream = ZipStream()
    assert stream.open("a", 0.0).startswith(b"PK")
    noise = random.Random(1).randbytes(300_000)
    assert len(stream.write(noise)) > 100_000
    stream.discard()


def test_one_that_is_given_up_leaves_nothing_open(recwarn):
    for steps in range(4):
        stream = ZipStream()
        if steps > 0:
            stream.open("a", 0.0)
        if steps > 1:
            stream.end_file()
        if steps > 2:
            stream.end()
        stream.discard()
        stream.discard()
        del stream
    gc.collect()
    assert not recwarn.list


@given(st.text())
def test_a_name_is_safe_everywhere(title):
    name = file_name(7, title, ".json")
    folder, _, plain = name.partition("/")
    assert folder == "sessions"
    assert plain.startswith("000007")
    assert plain.endswith(".json")
    assert len(plain.encode()) < 120
    assert all(one.isalnum() or one in "-." for one in plain)
    assert plain.count(".") == 1


def test_a_name_keeps_the_words_of_its_title():
    assert file_name(1, "Xin chào: 你好/../שלום", ".md") == "sessions/000001-Xin-chào-你好-שלום.md"
    assert file_name(2, "../../etc/passwd", ".txt") == "sessions/000002-etc-passwd.txt"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["chat.html", "conversations.json", "user.json"], ["conversations.json"]),
        (["x/conversations-001.json", "x/conversations-000.json", "x/user.json"],
         ["x/conversations-000.json", "x/conversations-001.json"]),
        (["sessions/1.json", "memories.json", "sessions/2.json"], ["sessions/1.json", "sessions/2.json"]),
        (["chat-export-1.json", "readme.txt"], ["chat-export-1.json"]),
        (["__MACOSX/._conversations.json", "__MACOSX/a.json", "x/._b.json", "x/b.json"], ["x/b.json"]),
        (["shared_conversations.json", "conversations.json"], ["conversations.json"]),
    ],
)  # fmt: skip
def test_which_files_hold_conversations(names, chosen):
    assert list(conversation_members(names)) == chosen


def test_a_small_archive_with_endless_zeros_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b" " * 5_000_000)
    unpacked = Unpacked(path, "a.json", 1_000_000)
    with pytest.raises(TooLarge):
        while unpacked.read(65536):
            pass
    unpacked.close()


def test_damaged_archives_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b"hello hello hello hello")
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    with pytest.raises(BadInput):
        members(path)
    spoiled = bytearray(whole)
    spoiled[38:44] = b"\xff" * 6
    path.write_bytes(spoiled)
    with pytest.raises(BadInput):
        Unpacked(path, "a.json", 1000).read()
    locked = bytearray(whole)
    for place in (6, whole.index(b"PK\x01\x02") + 8):
        locked[place] |= 1
    path.write_bytes(locked)
    with pytest.raises(BadInput):
        Unpacked(path, "a.json", 1000)
