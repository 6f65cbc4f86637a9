from __future__ import annotations

from typing import Any

import pytest

from domain.parsers.slack_blocks import attachment_parts, blocks_text, file_parts, huddle_text
from domain.parsers.slack_markup import Names

NAMES = Names(users={"U1": "ada", "U2": "grace"}, channels={"C1": "general"})


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def rich(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(parts)}


def attachment_text(**fields: Any) -> str:
    return "\n".join(part for part in attachment_parts(fields, NAMES) if part)


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (text(" a < b "), " a < b "),
        ({"type": "link", "url": "https://a.example"}, "https://a.example"),
        ({"type": "link", "url": "https://a.example", "text": "page"}, "page (https://a.example)"),
        ({"type": "user", "user_id": "U1"}, "@ada"),
        ({"type": "user", "user_id": "U9"}, "@U9"),
        ({"type": "channel", "channel_id": "C1"}, "#general"),
        ({"type": "emoji", "name": "tada", "unicode": "1f389"}, ":tada:"),
        ({"type": "broadcast", "range": "here"}, "@here"),
        ({"type": "usergroup", "usergroup_id": "S1"}, "@S1"),
        ({"type": "date", "timestamp": 1392734382, "fallback": "Feb 18"}, "Feb 18"),
        ({"type": "date", "timestamp": 1392734382}, "2014-02-18 14:39 UTC"),
        ({"type": "color", "value": "#ff0000"}, "#ff0000"),
        ({"type": "text", "text": 7}, ""),
    ],
)
def test_every_rich_text_element_is_shown(element: dict[str, Any], shown: str) -> None:
    assert blocks_text([rich(section(text("["), element, text("]")))], NAMES) == f"[{shown}]"


def test_lists_are_numbered_or_dotted_and_indented() -> None:
    items = [section(text("one")), section(text("two"))]
    ordered = {"type": "rich_text_list", "style": "ordered", "offset": 4, "elements": items}
    nested = {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": items}
    shown = blocks_text([rich(ordered, nested)], NAMES)
    assert shown == "5. one\n6. two\n    • one\n    • two"


def test_quotes_and_code_are_marked() -> None:
    quote = {"type": "rich_text_quote", "elements": [text("one\ntwo")]}
    code = {"type": "rich_text_preformatted", "elements": [text("x = 1")]}
    assert blocks_text([rich(quote, code)], NAMES) == "> one\n> two\n```\nx = 1\n```"


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        (
            {"type": "section", "text": {"type": "mrkdwn", "text": "hi <@U1>"}},
            "hi @ada",
        ),
        (
            {
                "type": "section",
                "fields": [{"type": "mrkdwn", "text": "*A*"}, {"type": "plain_text", "text": "B"}],
            },
            "*A*\nB",
        ),
        ({"type": "header", "text": {"type": "plain_text", "text": "Q&amp;A"}}, "Q&A"),
        (
            {
                "type": "context",
                "elements": [
                    {"type": "mrkdwn", "text": "by <@U2>"},
                    {"type": "image", "alt_text": "her face"},
                ],
            },
            "by @grace\nher face",
        ),
        (
            {"type": "image", "title": {"type": "plain_text", "text": "T"}, "alt_text": "a"},
            "T\na",
        ),
        ({"type": "input", "label": {"type": "plain_text", "text": "Your name"}}, "Your name"),
        ({"type": "markdown", "text": "# Title"}, "# Title"),
        ({"type": "divider"}, ""),
        ({"type": "actions", "elements": [{"type": "button", "text": {"text": "Go"}}]}, ""),
        (
            {
                "type": "table",
                "rows": [
                    [{"type": "raw_text", "text": "a"}, rich(section(text("b")))],
                    [{"type": "raw_text", "text": "c"}, {"type": "raw_text", "text": "d"}],
                    "broken",
                ],
            },
            "a | b\nc | d",
        ),
        ({"type": "table", "rows": None}, ""),
        ({"type": "tomorrow", "text": "something new"}, "something new"),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_every_block_shows_its_text(block: dict[str, Any], shown: str) -> None:
    assert blocks_text([block], NAMES) == shown


def test_an_attachment_shows_its_parts_in_order() -> None:
    shown = attachment_text(
        footer="CI",
        from_url="https://a.example/?a=1&amp;b=2",
        fallback="never shown beside the rest",
        fields=[{"title": "Stage", "value": "<@U1> won"}, {"title": "", "value": "alone"}],
        text="body &amp; soul",
        title="Title",
        author_name="Author",
        pretext="before",
        files=[{"name": "plan.pdf", "title": "Plan"}],
    )
    assert shown.split("\n") == [
        "before",
        "Author",
        "Title",
        "body & soul",
        "Stage: @ada won",
        "alone",
        "Plan (plan.pdf)",
        "CI",
        "https://a.example/?a=1&b=2",
    ]


def test_an_attachment_without_text_shows_its_blocks() -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "inside"}}
    shared = {"message_blocks": [{"message": {"blocks": [block]}}], "fallback": "[no preview]"}
    assert attachment_text(blocks=[block], fallback="[no preview]") == "inside"
    assert attachment_text(**shared) == "inside"


def test_an_attachment_without_anything_else_shows_its_fallback() -> None:
    assert attachment_text(fallback="[a] <https://b.example|c>") == "[a] c (https://b.example)"


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ({"name": "a.png", "title": "a.png"}, ["a.png"]),
        ({"name": "a.png"}, ["a.png"]),
        ({"title": "only a title"}, ["only a title"]),
        ({"name": "a.js", "title": "cities &amp; towns", "preview": "x < 1"},
         ["cities & towns (a.js)", "x < 1"]),
        ({"name": "a", "initial_comment": {"comment": "<http://b.example>"}},
         ["a", "http://b.example"]),
        ({"name": "a", "mode": "tombstone"}, []),
        ({"name": "a", "mode": "hidden_by_limit"}, []),
        ({"id": "F1", "file_access": "access_denied"}, []),
    ],
)  # fmt: skip
def test_a_file_shows_its_name_and_what_is_known_of_its_content(
    file: dict[str, Any], parts: list[str]
) -> None:
    assert [part for part in file_parts(file, NAMES) if part] == parts


def test_a_huddle_tells_who_took_part_and_how_long() -> None:
    room = {
        "name": "standup",
        "participant_history": ["U1", "U2"],
        "participants": ["U1"],
        "date_start": 1000,
        "date_end": 1600,
    }
    assert huddle_text(room, NAMES) == "Huddle standup with @ada, @grace, 10 min"
    assert huddle_text({"created_by": "U1"}, NAMES) == "Huddle"
    assert huddle_text({}, NAMES) == ""
