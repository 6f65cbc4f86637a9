"""E-mails and what is attached to them."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, Record, RejectedItem
from domain.parsers.email import EmailParser, looks_like_email
from tests.builders import described, items_in, records_in, zip_of
from tests.document_builders import pdf_of

PARSER = EmailParser()
TABLE = b"id,name\n1,Ann\n2,Bo\n"


def mail(text: str = "See you.", **headers: str) -> EmailMessage:
    message = EmailMessage()
    known = {"From": "Ann <ann@x.example>", "To": "bo@x.example, cy@x.example"}
    stated = known | {"Subject": "Plan", "Date": "Mon, 02 Nov 2026 10:00:00 +0100"} | headers
    for name, value in stated.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def with_attachment(content: bytes, name: str, kind: str = "application/octet-stream") -> bytes:
    message = mail()
    main, sub = kind.split("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()


def read(content: bytes, **context: Any) -> list[Any]:
    return items_in(PARSER, content, source_type="email", **context)


def test_a_message_is_a_record_with_its_headers() -> None:
    (record,) = records_in(PARSER, mail(Message_ID="<1@x>").as_bytes())
    assert (record.title, record.author) == ("Plan", "Ann <ann@x.example>")
    assert record.timestamp
    assert record.timestamp.isoformat() == "2026-11-02T09:00:00+00:00"
    assert record.metadata["to"] == ["bo@x.example", "cy@x.example"]
    assert (record.metadata["message_id"], record.metadata["attachments"]) == ("<1@x>", 0)
    assert record.content == "Plan\n\nSee you."


def test_a_message_in_html_only_is_read_as_its_text() -> None:
    message = mail()
    message.set_content("<p>One &amp; two</p>", subtype="html")
    (record,) = records_in(PARSER, message.as_bytes())
    assert record.content == "Plan\n\nOne & two"


def test_a_message_without_any_text_is_still_a_record() -> None:
    (record,) = records_in(PARSER, b"From: a@x\nDate: x\nMIME-Version: 1.0\n\n")
    assert (record.title, record.content) == ("(no subject)", "(no subject)")


def test_an_attached_table_and_document_are_read_by_what_they_are() -> None:
    items = read(with_attachment(TABLE, "a.csv")) + read(with_attachment(pdf_of("Hi"), "a.pdf"))
    assert [(item.source_type, item.place.member) for item in items] == [
        ("email", None),
        ("csv", "a.csv"),
        ("csv", "a.csv"),
        ("email", None),
        ("document", "a.pdf"),
    ]


def test_an_attached_archive_and_message_are_opened() -> None:
    inner = mail("inner words", Subject="Inner")
    outer = mail()
    outer.add_attachment(inner)
    items = read(with_attachment(zip_of({"b.csv": TABLE}), "a.zip")) + read(outer.as_bytes())
    assert [item.place.member for item in items] == [
        None,
        "a.zip!/b.csv",
        "a.zip!/b.csv",
        None,
        "attachment-1.eml",
    ]
    assert "inner words" in items[-1].content


def test_an_attached_picture_is_dropped_by_name() -> None:
    _, dropped = read(with_attachment(b"\x89PNG", "logo.png", "image/png"))
    assert isinstance(dropped, DroppedItem)
    assert dropped.rule == "media_attachment"


def test_an_attachment_that_cannot_be_read_is_rejected_alone() -> None:
    record, rejected = read(with_attachment(b"%PDF-1.4", "a.pdf"))
    assert isinstance(record, Record)
    assert isinstance(rejected, RejectedItem)
    assert rejected.error.startswith("a.pdf: the PDF is damaged")


def test_messages_nested_too_deep_are_rejected() -> None:
    message = mail()
    for _ in range(6):
        outer = mail()
        outer.add_attachment(message)
        message = outer
    items = read(message.as_bytes())
    assert isinstance(items[-1], RejectedItem)
    assert "nested more than 3 deep" in items[-1].error
    assert len(items) == 5


@pytest.mark.parametrize(
    "content",
    [
        b"Note: this\nSubject: that\n\ntext",
        b"Hello: x\nplain words\n",
        b"name,from,to\nsubject: a\n",
        b"From: a\nTo: b\nwords without a colon\nDate: x\n",
    ],
)
def test_other_texts_with_colons_are_no_messages(content: bytes) -> None:
    assert not looks_like_email(content)
    with pytest.raises(UnreadableFileError, match="EML"):
        described(PARSER, content)


def test_a_message_with_broken_headers_and_charset_is_read() -> None:
    content = (
        b"From: =?nocharset?Q?x?=\nTo: <<<>>>, \nMessage-ID: \nSubject: =?utf-8?B?4?=\n"
        b"Content-Type: text/plain; charset=nothing\n\nwords\xff"
    )
    (record,) = records_in(PARSER, content)
    assert "words" in record.content
