"""E-mails (EML): the message, then what is attached to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import getaddresses
from io import BytesIO

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, JsonValue, ParsedItem
from domain.parsers.documents.assembling import DocumentFrame, grouped
from domain.parsers.documents.cleaning import clean_lines
from domain.parsers.forms import ByteStream, Form, Head, Site, read_fully
from domain.parsers.html_text import text_of_html
from domain.parsers.timestamps import parse_timestamp
from domain.ports.extraction import DocumentFacts, Unit

MAX_EMAIL_BYTES = 64 * 1024**2
MEDIA_ATTACHMENT = "media_attachment"

_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]*):[ \t]?|[ \t]+\S")
_TELLING = frozenset(
    b"from to subject date message-id received return-path mime-version delivered-to "
    b"x-mailer content-type reply-to sender cc".split()
)
_SURE = frozenset((b"from", b"received", b"message-id", b"return-path", b"mime-version"))
_TELLING_HEADERS = 3
_MEDIA = frozenset(("image", "audio", "video"))
_SIGNATURES = frozenset(
    ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
)
_MAX_ADDRESSES = 100


class EmailParser(Form):
    """Reads a message as one record, and every attachment as a member of an archive is read.

    Pictures, sounds and signatures that are attached are dropped as ``media_attachment``.
    """

    name = "email"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        if not looks_like_email(head.content):
            raise UnreadableFileError("the file is no e-mail; save the message as EML")
        return {"format": "eml"}

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        content = read_fully(stream, MAX_EMAIL_BYTES + 1)
        if len(content) > MAX_EMAIL_BYTES:
            raise UnreadableFileError(
                f"the e-mail has more than {MAX_EMAIL_BYTES // 1024**2} MiB; "
                "save its attachments apart"
            )
        message = _parsed(content)
        place = site.place(start, start + len(content))
        attached = list(_attachments(message))
        facts = _facts(message)
        body = _body(message)
        frame = DocumentFrame(site, place, facts, metadata=_about(message, len(attached)))
        text = clean_lines(f"{facts.title or ''}\n\n{body}")
        for number, group in enumerate(grouped([Unit(text or "(no text)")])):
            yield frame.record(group.content(), (), number)
        for name, part in attached:
            yield from _attachment_items(name, part, site)


def looks_like_email(head: bytes) -> bool:
    """Whether a text begins with headers of a message, enough of those that tell it."""
    names: set[bytes] = set()
    for number, line in enumerate(head[:65536].splitlines()):
        if not line:
            break
        found = _HEADER.match(line)
        if not found:
            # An mbox's first line; anything else is no header.
            if number or not line.startswith(b"From "):
                return False
        elif found[1]:
            names.add(found[1].lower())
    return len(names & _TELLING) >= _TELLING_HEADERS and bool(names & _SURE)


def _parsed(content: bytes) -> EmailMessage:
    try:
        message = BytesParser(EmailMessage, policy=policy.default).parse(BytesIO(content))
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise UnreadableFileError(
            "the e-mail is damaged; save it again from the mail program", reason=str(error)
        ) from error
    return message


def _header(message: EmailMessage, name: str) -> str:
    """A header as text; one that the library cannot decode counts as absent."""
    try:
        return " ".join(str(message.get(name) or "").split())
    except (MessageError, ValueError, LookupError, AttributeError, IndexError, TypeError):
        return ""


def _facts(message: EmailMessage) -> DocumentFacts:
    sent = parse_timestamp(_header(message, "date"))
    return DocumentFacts(
        title=_header(message, "subject") or "(no subject)",
        author=_header(message, "from") or None,
        created=sent.isoformat() if sent else None,
    )


def _about(message: EmailMessage, attachments: int) -> dict[str, JsonValue]:
    about: dict[str, JsonValue] = {"format": "eml"}
    for name in ("from", "to", "cc"):
        if listed := _addresses(_header(message, name)):
            about[name] = listed[0] if name == "from" else listed
    for name in ("message-id", "in-reply-to"):
        if value := _header(message, name):
            about[name.replace("-", "_")] = value
    return about | {"attachments": attachments}


def _addresses(header: str) -> list[str]:
    found = [address for _, address in getaddresses([header]) if "@" in address]
    return found[:_MAX_ADDRESSES]


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    text = _text_of(part)
    return text_of_html(text)[0] if part.get_content_type() == "text/html" else text


def _text_of(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (MessageError, ValueError, LookupError, KeyError, AttributeError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _attachments(message: EmailMessage) -> Iterator[tuple[str, EmailMessage]]:
    """The parts beside the body, each with a name of its own."""
    taken: set[str] = set()
    for number, part in enumerate(message.iter_attachments(), start=1):
        named = " ".join(str(part.get_filename() or "").replace("/", "_").split())
        is_mail = part.get_content_type() == "message/rfc822"
        name = named or f"attachment-{number}{'.eml' if is_mail else ''}"
        name = f"{number}-{name}" if name in taken else name
        taken.add(name)
        yield name, part


def _attachment_items(name: str, part: EmailMessage, site: Site) -> Iterator[ParsedItem]:
    # Reading what is attached needs every form, this one among them.
    from domain.parsers.members import Member, member_items, member_key

    content = _bytes_of(part)
    key = member_key(site.member, name)
    kind = part.get_content_type()
    if part.get_content_maintype() in _MEDIA or kind in _SIGNATURES:
        yield DroppedItem(MEDIA_ATTACHMENT, Site(site.context, key).place(0, len(content)))
        return
    inside = replace(site.context, depth=site.context.depth + 1)
    yield from member_items(Member(key, name, len(content)), BytesIO(content), inside)


def _bytes_of(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return first.as_bytes() if isinstance(first, EmailMessage) else b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
