"""The parts of a Slack message beside its text: blocks, attachments, files, huddles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.parsers.slack_fields import (
    JsonObject,
    object_field,
    objects_field,
    text_field,
    texts_field,
    whole_number_field,
)
from domain.parsers.slack_markup import (
    Names,
    channel_text,
    date_text,
    decode_entities,
    link_text,
    render_markup,
    user_text,
)

_DELETED_FILE_MODES = ("tombstone", "hidden_by_limit")


def blocks_text(blocks: Iterable[JsonObject], names: Names) -> str:
    """What a reader sees of Block Kit blocks; buttons and menus are left out."""
    return _lines(_block_text(block, names) for block in blocks)


def attachment_parts(attachment: JsonObject, names: Names) -> Iterator[str]:
    """An attachment (unfurled link, integration's post, shared message), part by part."""
    shown = [
        render_markup(text_field(attachment, name), names)
        for name in ("pretext", "author_name", "title", "text")
    ]
    shown += [_field_text(field, names) for field in objects_field(attachment, "fields")]
    if not any(shown):
        shown.append(blocks_text(_nested_blocks(attachment), names))
    if not any(shown):
        shown.append(render_markup(text_field(attachment, "fallback"), names))
    yield from shown
    for file in objects_field(attachment, "files"):
        yield from file_parts(file, names)
    yield render_markup(text_field(attachment, "footer"), names)
    yield decode_entities(text_field(attachment, "from_url"))


def file_parts(file: JsonObject, names: Names) -> Iterator[str]:
    """A file's title, name and type, and what the message holds of its content."""
    name = file_name(file)
    if not name:
        return
    title = decode_entities(text_field(file, "title"))
    shown = f"{title} ({name})" if title and title != name else name
    kind = text_field(file, "pretty_type", "filetype")
    yield shown if kind.lower() in shown.lower() else f"{shown}, {kind}"
    yield text_field(file, "plain_text", "preview", "preview_plain_text")
    yield render_markup(text_field(object_field(file, "initial_comment"), "comment"), names)


def file_name(file: JsonObject) -> str:
    """What a file is called; empty for one that was deleted or lies beyond the plan's limit."""
    if text_field(file, "mode") in _DELETED_FILE_MODES:
        return ""
    return decode_entities(text_field(file, "name", "title"))


def huddle_text(room: JsonObject, names: Names) -> str:
    """A huddle: its name, who took part and how long it lasted."""
    if not room:
        return ""
    everybody = dict.fromkeys(
        texts_field(room, "participant_history") + texts_field(room, "participants")
    )
    start, end = whole_number_field(room, "date_start"), whole_number_field(room, "date_end")
    name = text_field(room, "name")
    people = ", ".join(user_text(user, names) for user in everybody)
    return (
        "Huddle"
        + (f" {name}" if name else "")
        + (f" with {people}" if people else "")
        + (f", {round((end - start) / 60)} min" if end > start > 0 else "")
    )


def _block_text(block: JsonObject, names: Names) -> str:
    match text_field(block, "type"):
        case "rich_text":
            return _rich_text(block, names)
        case "actions" | "divider":
            return ""
        case "markdown":
            return text_field(block, "text")
        case "table":
            return _table_text(block, names)
        case _:
            return _lines(_composed_texts(block, names))


def _composed_texts(block: JsonObject, names: Names) -> Iterator[str]:
    """The text objects of section, header, context, image, video, input and later blocks."""
    for name in ("title", "label", "text", "description"):
        yield _text_object(block, name, names)
    for field in objects_field(block, "fields") + objects_field(block, "elements"):
        yield _text_object({"text": field}, "text", names)
    yield text_field(block, "alt_text")


def _text_object(holder: JsonObject, name: str, names: Names) -> str:
    """``{type: mrkdwn | plain_text, text}``, or a bare text, or an image's alternative text."""
    bare = text_field(holder, name)
    if bare:
        return render_markup(bare, names)
    return render_markup(text_field(object_field(holder, name), "text", "alt_text"), names)


def _rich_text(block: JsonObject, names: Names) -> str:
    return _lines(_rich_part(part, names) for part in objects_field(block, "elements"))


def _rich_part(part: JsonObject, names: Names) -> str:
    elements = objects_field(part, "elements")
    match text_field(part, "type"):
        case "rich_text_list":
            return _rich_list(part, names)
        case "rich_text_quote":
            return "> " + _inline(elements, names).replace("\n", "\n> ")
        case "rich_text_preformatted":
            return f"```\n{_inline(elements, names)}\n```" if elements else ""
        case _:
            return _inline(elements, names)


def _rich_list(part: JsonObject, names: Names) -> str:
    is_ordered = part.get("style") == "ordered"
    indent = "    " * min(whole_number_field(part, "indent"), 8)
    first = whole_number_field(part, "offset") + 1
    return "\n".join(
        f"{indent}{f'{number}.' if is_ordered else '•'} {_rich_part(item, names)}"
        for number, item in enumerate(objects_field(part, "elements"), start=first)
    )


def _inline(elements: list[JsonObject], names: Names) -> str:
    return "".join(_inline_text(element, names) for element in elements)


def _inline_text(element: JsonObject, names: Names) -> str:
    match text_field(element, "type"):
        case "text":
            # Not by text_field: a blank between two mentions is text as well.
            text = element.get("text")
            return text if isinstance(text, str) else ""
        case "link":
            return link_text(text_field(element, "url"), text_field(element, "text"))
        case "user":
            return user_text(text_field(element, "user_id"), names)
        case "channel":
            return channel_text(text_field(element, "channel_id"), names)
        case "emoji":
            return f":{text_field(element, 'name')}:"
        case "broadcast":
            return "@" + text_field(element, "range")
        case "usergroup":
            return "@" + text_field(element, "usergroup_id")
        case "date":
            return text_field(element, "fallback") or date_text(str(element.get("timestamp")))
        case _:
            return text_field(element, "text", "value", "name")


def _table_text(block: JsonObject, names: Names) -> str:
    rows = block.get("rows")
    return _lines(
        " | ".join(_cell_text(cell, names) for cell in row if isinstance(cell, dict))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, list)
    )


def _cell_text(cell: JsonObject, names: Names) -> str:
    return _rich_text(cell, names) if cell.get("type") == "rich_text" else text_field(cell, "text")


def _nested_blocks(attachment: JsonObject) -> list[JsonObject]:
    shared = [
        block
        for message in objects_field(attachment, "message_blocks")
        for block in objects_field(object_field(message, "message"), "blocks")
    ]
    return objects_field(attachment, "blocks") + shared


def _field_text(field: JsonObject, names: Names) -> str:
    title = render_markup(text_field(field, "title"), names)
    value = render_markup(text_field(field, "value"), names)
    return f"{title}: {value}" if title and value else title or value


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)
