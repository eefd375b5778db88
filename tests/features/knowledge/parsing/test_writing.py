"""Places of blocks in the whole text, whatever the text."""

import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.documents import SEPARATOR, Block
from roundhouse.features.knowledge.parsing import ParsingLimits
from roundhouse.features.knowledge.parsing.encodings import decode
from roundhouse.features.knowledge.parsing.html import write_html
from roundhouse.features.knowledge.parsing.markdown import write_markdown
from roundhouse.features.knowledge.parsing.tables import write_sheet
from roundhouse.features.knowledge.parsing.writing import MOST_BLOCK_CHARS, BlockWriter, clean, pieces

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["text", "table", "code", "heading", "image"]),
        st.text(max_size=80),
        st.integers(-2, 12),
    ),
    max_size=30,
)


def written(write) -> list[Block]:
    file = io.BytesIO()
    out = BlockWriter(file, ParsingLimits(), "a")
    write(out)
    blocks = [msgspec.json.decode(line, type=Block) for line in file.getvalue().splitlines()]
    whole = SEPARATOR.join(block.text for block in blocks)
    assert [whole[block.start : block.end] for block in blocks] == [block.text for block in blocks]
    assert (out.blocks, out.chars) == (len(blocks), len(whole))
    return blocks


@given(CALLS)
def test_blocks_lie_where_they_say(calls):
    def write(out: BlockWriter) -> None:
        for kind, text, level in calls:
            if kind == "heading":
                out.heading(text, level, 1)
            elif kind == "image":
                out.image("a.png", text)
            else:
                getattr(out, kind)(text)

    blocks = written(write)
    levels: list[tuple[int, str]] = []
    for block in blocks:
        if block.level is not None:
            levels = [one for one in levels if one[0] < block.level]
        assert block.headings == tuple(text for _, text in levels)
        if block.level is not None:
            levels.append((block.level, block.text))


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once
    once.encode()


@given(
    st.lists(st.text(alphabet="ab .\n。", min_size=1, max_size=9), min_size=1, max_size=9),
    st.integers(1, 3_000),
)
def test_pieces_lose_nothing_but_spaces(words, times):
    text = ("".join(words) * times)[:40_000]
    found = pieces(text)
    assert all(0 < len(piece) <= MOST_BLOCK_CHARS for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


TAGS = (
    *("<table>", "<tr>", "<td>", "</table>", "<ul>", "<ol start=2>", "<li>", "</ul>", "<p>", "</p>", "<pre>"),
    *(
        "</pre>",
        "<h2>",
        "</h2>",
        "<br>",
        "<div hidden>",
        "</div>",
        "word ",
        "1 ",
        "<caption>",
        "<nav>",
        "</nav>",
    ),
    *("<img alt='x'>", "&lt;"),
)


@given(st.lists(st.sampled_from(TAGS), max_size=40))
def test_any_html(tags):
    written(lambda out: write_html("<html><body>" + "".join(tags), out, "a"))


@given(st.text(alphabet="#*_`[]()!|-=\\ \n~ab>0.", max_size=200))
def test_any_markdown(text):
    written(lambda out: write_markdown(text, out))


@given(st.lists(st.dictionaries(st.integers(0, 20_000), st.text(max_size=20), max_size=6), max_size=80))
def test_any_sheet_keeps_its_values(rows):
    blocks = written(lambda out: write_sheet(out, rows))
    told = "\n".join(block.text for block in blocks)
    for row in rows:
        for value in row.values():
            assert clean(" ".join(value.split())) in told


@given(st.binary(max_size=300))
def test_any_bytes_are_some_text(data):
    decode(data).text.encode("utf-8", "replace")
