"""A call in words: what a person would search for, and want to read when they find it."""

from __future__ import annotations

from collections.abc import Iterator

from domain.parsers.gong_calls import Call
from domain.parsers.gong_fields import id_field, number_field, texts_of
from domain.parsers.gong_people import UNKNOWN, CrmObject, Party
from domain.parsers.slack_fields import JsonObject, object_field, objects_field, text_field
from domain.references import reference


def call_text(call: Call) -> str:
    """Sections parted by blank lines; what Gong does not tell is left out."""
    content = call.content
    sections = [
        [call.shown_title, _occasion(call)],
        ["Participants:", *(_participant(party) for party in call.parties if party.shown)],
        ["Brief:", text_field(content, "brief").strip()],
        ["Key points:", *_bullets(texts_of(content, "keyPoints", "text"))],
        ["Outline:", *_outline(content, "outline", "section")],
        ["Highlights:", *_outline(content, "highlights", "title")],
        ["Action items:", *_bullets(action_items(content))],
        ["Outcome:", outcome(content)],
        ["Topics:", ", ".join(texts_of(content, "topics", "name"))],
        ["Trackers:", ", ".join(trackers(content))],
        ["CRM:", *(_crm_line(item) for item in call.crm_objects)],
        ["Comments:", *_comments(call)],
        ["Purpose:", text_field(call.details, "purpose").strip()],
    ]
    return "\n\n".join(text for section in sections if (text := _section(section)))


def _section(lines: list[str]) -> str:
    """A heading with what stands under it, on its own line where that is one text."""
    heading, *filled = [line for line in lines if line]
    if not heading.endswith(":"):
        return "\n".join([heading, *filled])
    if not filled:
        return ""
    is_short = len(filled) == 1 and not filled[0].startswith("- ")
    return f"{heading} {filled[0]}" if is_short else "\n".join([heading, *filled])


def _occasion(call: Call) -> str:
    """When, how long, and what kind of call."""
    details = call.details
    seconds = number_field(details, "duration")
    kind = " ".join(
        word
        for key in ("scope", "direction")
        if (word := text_field(details, key)) and word != UNKNOWN
    )
    parts = [
        f"{call.started:%d %B %Y, %H:%M} UTC".lstrip("0") if call.started else "",
        f"{max(1, round(seconds / 60))} min" if seconds else "",
        f"{kind} call".strip().capitalize() if kind else "",
        text_field(details, "media").lower(),
        text_field(details, "system"),
    ]
    return ", ".join(part for part in parts if part)


def _participant(party: Party) -> str:
    side = f" ({party.affiliation})" if party.affiliation != UNKNOWN else ""
    more = [text for text in (party.title, party.email) if text and text != party.shown]
    return ", ".join([f"- {party.shown}{side}", *more])


def _bullets(texts: list[str]) -> list[str]:
    return [f"- {text}" for text in texts]


def _outline(content: JsonObject, name: str, heading: str) -> Iterator[str]:
    for section in objects_field(content, name):
        title, items = text_field(section, heading), texts_of(section, "items", "text")
        text = ": ".join(part for part in (title, " ".join(items)) if part)
        if text:
            yield f"- {text}"


def action_items(content: JsonObject) -> list[str]:
    points = object_field(content, "pointsOfInterest")
    return texts_of(points, "actionItems", "snippet", "text")


def outcome(content: JsonObject) -> str:
    found = object_field(content, "callOutcome")
    name, category = text_field(found, "name"), text_field(found, "category")
    return f"{name} ({category})" if name and category else name or category


def trackers(content: JsonObject) -> Iterator[str]:
    """The trackers that heard something, with the phrases that they heard."""
    for tracker in objects_field(content, "trackers"):
        name, count = text_field(tracker, "name"), number_field(tracker, "count")
        if name and count != 0:
            phrases = texts_of(tracker, "phrases", "phrase")
            yield f"{name} ({', '.join(phrases)})" if phrases else name


def _crm_line(item: CrmObject) -> str:
    """The object with its name, which Salesforce's own records may have to tell."""
    name = item.name or reference(f"salesforce:{item.id}", "")
    others = [f"{field}: {value}" for field, value in item.fields if field.lower() != "name"]
    return ", ".join([f"- {item.type} {item.id} {name}", *others])


def _comments(call: Call) -> Iterator[str]:
    users = {party.user_id: party.shown for party in call.parties if party.user_id and party.shown}
    for comment in objects_field(object_field(call.value, "collaboration"), "publicComments"):
        text, user_id = text_field(comment, "comment").strip(), id_field(comment, "commenterUserId")
        if text and user_id:
            yield f"- {users.get(user_id) or user_reference(user_id)}: {text}"
        elif text:
            yield f"- {text}"


def user_reference(user_id: str) -> str:
    """The name of somebody of the company who was not in the call."""
    return reference(f"gong:user:{user_id}", f"User {user_id}")
