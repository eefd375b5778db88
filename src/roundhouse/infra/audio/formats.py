"""Which files are taken in: told by their first bytes, never by a name or a declared type. Pure.

Containers that name other files (playlists, concatenations, session descriptions) and images are not in the list, so
FFmpeg is never asked to open one.

Source:
    FFmpeg 8 libavformat: names of the demuxers. ISO 11172-3, 13818-3: header of an MPEG audio frame. ISO 13818-7: ADTS.
    id3.org, ID3v2.4: size of a tag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from roundhouse.core.errors import Unprocessable, UnsupportedMedia

TAKEN = "WAV, MP3, M4A, AAC, FLAC, Ogg, Opus, WebM, Matroska, MP4, MOV, AIFF, AU, CAF, AMR, WMA, AVI, FLV and MPEG"

TIMED = frozenset({"mov", "matroska", "ogg"})
"""Containers whose time stamps can be relied on: where they jump, sound is missing."""

UNINDEXED = frozenset({"mp3", "aac", "ac3", "amr"})
"""Frames one after the other: unless a header counts them, a length is a guess from the rate of the first ones."""

_HEAD_BYTES = 65_536
_FRAMES_IN_A_ROW = 3
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"caff", "caf"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"wvpk", "wv"),
    (0, b"\x0bw", "ac3"),
    (0, b"riff.\x91\xcf\x11", "w64"),
)
_INSIDE = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"RIFF", b"AVI "): "avi",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}
_OTHER = (
    b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*",
    b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd", b"\x7fELF", b"MZ", b"SQLite",
    b"\xd0\xcf\x11\xe0", b"RIFF", b"FORM", b"MThd",
)  # fmt: skip
_CODECS = frozenset({
    "aac", "aac_latm", "ac3", "adpcm_g722", "adpcm_g726", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf",
    "adpcm_yamaha", "alac", "amrnb", "amrwb", "eac3", "flac", "g722", "g726", "gsm", "gsm_ms", "mp1", "mp1float", "mp2",
    "mp2float", "mp3", "mp3float", "nellymoser", "opus", "qcelp", "speex", "vorbis", "wavpack", "wmalossless", "wmapro",
    "wmav1", "wmav2", "wmavoice",
})  # fmt: skip
_KBITS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def sniff(file: BinaryIO, name: str) -> str:
    """FFmpeg's name of the container.

    Args:
        file: Opened at its beginning.
        name: Of the file, for the message.

    Raises:
        Unprocessable: It is empty, or its bytes tell nothing.
        UnsupportedMedia: It is something else.
    """
    head = _behind_tags(file)
    if not head:
        raise Unprocessable(f"{name} is empty.")
    found = _by_magic(head)
    if found is not None:
        return found
    if head.startswith(_OTHER) or _is_text(head):
        raise UnsupportedMedia(f"{name} is not a recording in a format that is accepted: {TAKEN}.")
    found = _by_frames(head)
    if found is not None:
        return found
    raise Unprocessable(f"No sound was found in {name}: it is damaged, or no recording.")


def is_taken(codec: str) -> bool:
    """Whether this decoder is let near what strangers send."""
    return codec in _CODECS or codec.startswith("pcm_")


def counts_frames(file: BinaryIO) -> bool:
    """Whether an MP3 says how many frames it has; `file` is opened at its beginning."""
    head = _behind_tags(file)[:2048]
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _behind_tags(file: BinaryIO) -> bytes:
    """The first bytes behind ID3 tags, which may hold a picture of any size."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(_HEAD_BYTES)
        if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:10]) > 127:
            return head
        size = (head[6] << 21) + (head[7] << 14) + (head[8] << 7) + head[9]
        start += 10 + size + (10 if head[5] & 0x10 else 0)


def _by_magic(head: bytes) -> str | None:
    for offset, magic, container in _MAGIC:
        if head.startswith(magic, offset):
            return container
    inside = _INSIDE.get((head[:4], head[8:12]))
    if inside is None and len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "mpegts"
    return inside


def _by_frames(head: bytes) -> str | None:
    """MPEG audio has no magic, and the beginning may be damaged: frames in a row tell it."""
    at = head.find(b"\xff")
    while at >= 0:
        if _in_a_row(head, at, _mpeg_bytes):
            return "mp3"
        if _in_a_row(head, at, _adts_bytes):
            return "aac"
        at = head.find(b"\xff", at + 1)
    return None


def _in_a_row(head: bytes, at: int, size_of: Callable[[bytes], int]) -> bool:
    kind = head[at + 1 : at + 2]
    for _ in range(_FRAMES_IN_A_ROW):
        frame = head[at : at + 7]
        if len(frame) < 7 or frame[1:2] != kind or (size := size_of(frame)) == 0:
            return False
        at += size
    return True


def _mpeg_bytes(frame: bytes) -> int:
    """Size of an MPEG audio frame, layers 1 to 3; 0 = it is none."""
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    rate_of, kbits_of = frame[2] >> 2 & 3, frame[2] >> 4
    if (
        frame[0] != 0xFF
        or frame[1] < 0xE0
        or version == 1
        or layer == 0
        or rate_of == 3
        or not 0 < kbits_of < 15
    ):
        return 0
    bits_s = _KBITS[3 if version == 3 else 2, layer][kbits_of - 1] * 1000
    rate_hz, padding = _RATES_HZ[version][rate_of], frame[2] >> 1 & 1
    if layer == 3:
        return (12 * bits_s // rate_hz + padding) * 4
    return (72 if layer == 1 and version != 3 else 144) * bits_s // rate_hz + padding


def _adts_bytes(frame: bytes) -> int:
    """Size of an AAC frame with an ADTS header; 0 = it is none."""
    size = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
    is_one = frame[0] == 0xFF and frame[1] & 0xF6 == 0xF0 and frame[2] >> 2 & 15 < 13
    return size if is_one and size > 7 else 0


def _is_text(head: bytes) -> bool:
    """Whether it can be read: UTF-8 or any single-byte text, but no control characters."""
    control = sum((byte < 32 and byte not in (9, 10, 12, 13)) or byte == 127 for byte in head[:4096])
    return control == 0
