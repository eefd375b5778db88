"""HTML, Markdown, XML, SVG, JSON and transcripts."""

import msgspec
import pytest

from roundhouse.core.errors import DocumentEmpty, DocumentUnreadable

PAGE = """<!doctype html><html><head><title>Trang chủ</title><style>x</style></head><body>
<nav>menu <a href=/x>here</a></nav><script>alert(1)</script><noscript>no</noscript>
<h1>Giới <em>thiệu</em></h1><p>Một   đoạn<br>hai dòng với <a href="https://example.com/">liên kết</a>.</p>
<div>bare <b>text</b><div>inner</div>tail</div>
<p hidden>h1</p><p style="color:red; DISPLAY : none">h2</p><div aria-hidden="true"><p>h3</p></div>
<p style="font-size:0">h4</p><p style="font-size:0.9em">kept</p>
<h2>Bảng</h2><table><caption>c</caption><tr><th>Tên<th>Tuổi</tr><tr><td>An</td><td><p>5</p><p>năm</p></td></tr></table>
<ul><li>x<li>y<ol start="3"><li>z</ol></ul>
<pre>def f():
    return 1</pre>
<img src="https://example.com/x.png" alt="A dog"><svg><text>no</text></svg>
<footer>© nobody</footer></body></html>"""


def test_a_page_of_html(take):
    found = take(PAGE, "a.html")
    assert found.told() == [
        ("heading", "Giới thiệu"),
        ("text", "Một đoạn\nhai dòng với liên kết."),
        ("text", "bare text"),
        ("text", "inner"),
        ("text", "tail"),
        ("text", "kept"),
        ("heading", "Bảng"),
        ("text", "c"),
        ("table", "Tên | Tuổi\nAn | 5 năm"),
        ("text", "- x\n- y\n  3. z"),
        ("code", "def f():\n    return 1"),
        ("text", "A dog"),
    ]
    assert found.parsed.title == "Trang chủ"
    assert found.blocks[8].headings == ("Giới thiệu", "Bảng")


def test_tables_for_the_looks_are_no_tables(take):
    inner = "<table><tr><td>a</td><td>b</td></tr></table>"
    found = take(f"<html><body><table><tr><td>menu</td><td>main {inner} end</td></tr></table>", "a.html")
    assert found.told() == [("text", "menu"), ("table", "a | b"), ("text", "end")] or found.told() == [
        ("table", "menu"),
        ("text", "main"),
        ("table", "a | b"),
        ("text", "end"),
    ]


def test_html_may_be_deep_but_not_bottomless(take):
    deep = 1_900
    content = "<html><body>" + "<div>" * deep + "deep" + "</div>" * deep
    assert take(content, "a.html").whole == "deep"
    assert take("<html><body>" + "<ul><li>x" * deep, "a.html").whole.count("- x") == deep
    assert take("<html><body>" + "<p>x<br>" * 20_000, "a.html").parsed.blocks == 20_000
    with pytest.raises(DocumentUnreadable, match="deeply"):
        take("<html><body>" + "<div>" * 1_000_000, "a.html")


@pytest.mark.parametrize("encoding", ["windows-1255", "iso-8859-8"])
def test_html_says_its_encoding(take, encoding):
    content = f'<html><head><meta charset="{encoding}"></head><body><p>שלום</p></body>'.encode(encoding)
    assert take(content, "a.html").whole == "שלום"


def test_html_without_a_word(take):
    with pytest.raises(DocumentEmpty):
        take("<html><body><script>x</script></body></html>", "a.html")


MARKDOWN = """---
title: "Ghi chú"
layout: x
---
Intro with **bold**, *slanted*, `code` and [a link](https://example.com/a_b "t"), 2 * 3 * 4, snake_case_name.
Second line \\*kept\\*.

# One #
<!-- not
shown -->
> quoted
> more

Two
---
- a
- b
  - c

| Name | Sum |
|:-----|----:|
| An \\| B | **5** |
| C |

~~~python
# no heading
x = 1
~~~

***
last
"""


def test_markdown(take):
    found = take(MARKDOWN, "a.md")
    assert found.told() == [
        (
            "text",
            "Intro with bold, slanted, code and a link, 2 * 3 * 4, snake_case_name.\nSecond line *kept*.",
        ),
        ("heading", "One"),
        ("text", "quoted\nmore"),
        ("heading", "Two"),
        ("text", "- a\n- b\n  - c"),
        ("table", "Name | Sum\nAn | B | 5\nC"),
        ("code", "# no heading\nx = 1"),
        ("text", "last"),
    ]
    assert found.parsed.title == "Ghi chú"
    assert found.blocks[4].headings == ("One", "Two")


@pytest.mark.parametrize(
    "piece", ["[", "*", "`", "**a", "![", "|", "<!--", "#", "> ", "[a](", "\\", "- ", "---\n"]
)
def test_markdown_of_one_mark_takes_no_time(take, piece):
    take(("a " + piece) * 50_000, "a.md")


def test_xml_and_svg(take):
    xml = '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE a><m:a xmlns:m="u"><b id="7">một <i>hai</i> ba</b></m:a>'
    assert take(xml, "a.xml").told() == [("code", "b id: 7\nb: một\ni: hai\nb: ba")]
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><title>图</title><style>x</style><text>a<tspan>b</tspan></text></svg>'
    assert take(svg, "a.svg").told() == [("text", "图"), ("text", "ab")]
    broken = take('<?xml version="1.0"?><a><b>text</a>', "a.xml")
    assert "text" in broken.whole
    assert "no well-formed XML" in broken.parsed.warnings[0]


def test_xml_in_another_encoding(take):
    content = '<?xml version="1.0" encoding="gb2312"?><a>中华人民共和国</a>'.encode("gb18030")
    assert take(content, "a.xml").whole == "a: 中华人民共和国"


@pytest.mark.parametrize("name", ["a.xml", "a.svg"])
def test_entities_are_refused(take, name):
    root = "svg" if name == "a.svg" else "a"
    content = f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY x SYSTEM "file:///etc/passwd">]><{root}><text>&x;</text></{root}>'
    with pytest.raises(DocumentUnreadable, match="entities"):
        take(content, name)


def test_json_is_parted_at_lines_and_shows_its_letters(take):
    value = {"người": [{"tên": f"Lan {number}", "ghi chú": "x" * 50} for number in range(200)]}
    found = take(msgspec.json.encode(value), "a.json")
    assert len(found.blocks) > 3
    assert max(len(block.text) for block in found.blocks) <= 4_100
    assert '"tên": "Lan 7"' in found.whole
    assert take('{"a": "\\u4f60\\u597d"}', "a.json").whole == '{\n "a": "你好"\n}'
    assert "no valid JSON" in take('[{"a": 1},' * 9_000, "a.json").parsed.warnings[0]


def test_a_transcript_is_told_with_times_and_speakers(take):
    segments = [
        {"start_s": 0.4, "end_s": 2.0, "speaker": "Lan", "text": " Chào  bạn. "},
        {"start_s": 62.0, "end_s": 64.0, "speaker": "Lan", "text": "Họp nhé."},
        {"start_s": 3723.0, "end_s": 3724.0, "speaker": "Dana", "text": "שלום"},
    ]
    value = {"title": "Monday", "transcript": {"segments": segments}}
    found = take(msgspec.json.encode(value), "a.json")
    assert found.told() == [
        ("text", "[00:00] Lan: Chào bạn.\n[01:02] Lan: Họp nhé."),
        ("text", "[1:02:03] Dana: שלום"),
    ]
    assert found.parsed.title == "Monday"
    plain = take(
        msgspec.json.encode({"text": "a b", "segments": [{"start": 1, "end": 2, "text": "a b"}]}), "a.json"
    )
    assert plain.told() == [("text", "[00:01] a b")]


def test_json_lines(take):
    assert (
        take('{"a": "\\u4f60"}\n\n{"b": 2}\n{"c": "\\u4f6', "a.jsonl").whole
        == '{"a":"你"}\n{"b": 2}\n{"c": "\\u4f6'
    )
