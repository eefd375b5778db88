"""Images as documents, and as they are shown."""

import io

import pytest
from PIL import Image

from features.knowledge.parsing.writers import picture
from roundhouse.core.errors import DocumentUnreadable, NotFound, TooLarge, UnsupportedMedia
from roundhouse.features.knowledge.parsing import PageOrder, ParsingLimits
from roundhouse.features.knowledge.parsing.child import drawn


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_an_image_is_one_block(take, kind):
    found = take(picture(kind), "a.xyz")
    assert [(block.kind, block.text, block.page, block.image) for block in found.blocks] == [
        ("image", "", 1, None)
    ]
    assert found.parsed.pages == 1


def test_each_page_of_a_fax_is_a_block(take, tmp_path):
    content = io.BytesIO()
    pages = [Image.new("RGB", (80, 80), colour) for colour in ("red", "green", "blue")]
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    assert [block.page for block in take(content.getvalue(), "a.tiff").blocks] == [1, 2, 3]
    assert show(tmp_path, content.getvalue(), 3).getpixel((5, 5)) == (0, 0, 255)
    with pytest.raises(NotFound):
        show(tmp_path, content.getvalue(), 4)
    with pytest.raises(TooLarge):
        take(content.getvalue(), "a.tiff", max_pages=2)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_half_an_image(take, kind):
    image = Image.effect_noise((200, 200), 80)
    content = io.BytesIO()
    image.save(content, kind)
    with pytest.raises(DocumentUnreadable):
        take(content.getvalue()[: len(content.getvalue()) // 2], "a.png")


def test_too_many_pixels_are_refused_by_the_header(take):
    bomb = bytearray(picture("PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with pytest.raises(TooLarge, match="60000 x 60000"):
        take(bytes(bomb), "a.png")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\xff\xd8\xff" + b"\0" * 99, b"GIF89a\0"]
)
def test_no_image_at_all(take, content):
    with pytest.raises((UnsupportedMedia, DocumentUnreadable)):
        take(content, "a.png")


def show(tmp_path, content: bytes, page: int = 1, **limits) -> Image.Image:
    path = tmp_path / "shown"
    path.write_bytes(content)
    found = drawn(PageOrder(str(path), "a", str(tmp_path), page, "shown-1", ParsingLimits(**limits)))
    return Image.open(tmp_path / found.name).convert("RGB")


def test_images_are_shown_small_upright_and_on_white(tmp_path):
    content = io.BytesIO()
    Image.effect_noise((1_000, 500), 90).save(content, "JPEG")
    assert show(tmp_path, content.getvalue(), page_mpx=0.125).size == (500, 250)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert show(tmp_path, picture("JPEG", (96, 80), exif=turned)).size == (80, 96)
    clear = io.BytesIO()
    Image.new("RGBA", (80, 80), (0, 0, 0, 0)).save(clear, "PNG")
    assert show(tmp_path, clear.getvalue()).getpixel((4, 4)) == (255, 255, 255)
    with pytest.raises(UnsupportedMedia):
        show(tmp_path, b"plain text")
