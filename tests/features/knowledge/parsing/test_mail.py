"""E-mail with its attachments."""

import pytest

from features.knowledge.parsing.writers import Pdf, docx, mail, paragraph, picture, zipped
from roundhouse.core.errors import TooLarge


def test_headers_text_and_attachments(take):
    pdf = Pdf()
    pdf.lines("A page.")
    content = mail(
        "Chào bạn,\n\nhẹn gặp.",
        "<p>html</p>",
        {
            "Hợp đồng.docx": docx(paragraph("Terms", "Heading1") + paragraph("Pay.")),
            "b.pdf": pdf.done(),
            "c.zip": zipped({"x": "y"}),
        },
    )
    found = take(content, "thu.eml")
    assert found.told() == [
        (
            "text",
            "From: Lan <lan@example.com>\nTo: דנה <dana@example.com>\nDate: Mon, 02 Mar 2026 09:00:00 +0700\n"
            "Subject: Thư mời",
        ),
        ("text", "Chào bạn,"),
        ("text", "hẹn gặp."),
        ("text", "Attachments: Hợp đồng.docx, b.pdf, c.zip"),
        ("heading", "Hợp đồng.docx"),
        ("heading", "Terms"),
        ("text", "Pay."),
        ("heading", "b.pdf"),
        ("text", "A page."),
        ("heading", "c.zip"),
    ]
    assert found.blocks[6].headings == ("Hợp đồng.docx", "Terms")
    assert (found.blocks[8].page, found.parsed.pages, found.parsed.title) == (None, None, "Thư mời")
    assert "c.zip is an archive" in found.parsed.warnings[0]
    assert not list(found.folder.glob("attachment*"))


def test_html_where_there_is_no_plain_text(take):
    assert take(mail(html="<h1>Hi</h1><p>there</p>"), "a.eml").told()[1:] == [
        ("heading", "Hi"),
        ("text", "there"),
    ]


def test_a_mail_is_known_by_its_headers(take):
    assert take(mail("x"), "noname").parsed.content_type == "message/rfc822"
    assert (
        take("From: the beginning\nit was: a text\n\nabout something", "noname").parsed.content_type
        == "text/plain"
    )


def test_old_encodings_of_headers_and_text(take):
    content = (
        b"From: =?gb2312?B?" + b"1cXI/Q==" + b"?= <z@example.com>\r\nSubject: \xf9\xec\xe5\xed\r\nDate: x\r\n"
        b"Content-Type: text/plain; charset=windows-1255\r\n\r\n\xe7\xe5\xf4\xf9\xe4\r\n"
    )
    found = take(content, "a.eml")
    assert "张三" in found.whole
    assert found.parsed.title == "שלום"
    assert found.blocks[-1].text == "חופשה"


def test_attachments_are_read_one_level_deep(take):
    inner = mail("innermost", files={"x.txt": b"deepest"})
    found = take(mail("outer", files={"inner.eml": inner, "a.png": picture()}), "a.eml")
    assert "innermost" not in found.whole
    assert any("within a message" in warning for warning in found.parsed.warnings)
    assert any("picture" in warning for warning in found.parsed.warnings)


def test_names_of_attachments_are_no_paths(take):
    found = take(mail("x", files={"../../etc/cron.d/x.txt": b"text of it"}), "a.eml")
    assert "Attachments: x.txt" in found.whole
    assert "text of it" in found.whole


def test_an_attachment_may_not_break_the_limits(take):
    with pytest.raises(TooLarge):
        take(mail("x", files={"a.txt": b"y" * 5_000}), "a.eml", max_chars=2_000)
