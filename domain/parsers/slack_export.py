"""How a Slack export is laid out: its conversations, its people, its members' names.

::

    channels.json groups.json dms.json mpims.json     who talks where (each may be missing)
    users.json org_users.json                         who is who
    <conversation>/2026-11-23.json                    a day's messages
    <conversation>/canvas_in_the_conversation.json    no messages

All of it may lie in a folder of its own, or (Enterprise Grid) once per ``teams/<workspace>/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import UnreadableFileError
from domain.models.records import PUBLIC
from domain.parsers.slack_fields import JsonObject, object_field, text_field, texts_field
from domain.parsers.slack_json import parse_objects
from domain.parsers.slack_markup import Names, decode_entities
from domain.parsers.zip_reading import ArchiveEntry, SafeZip

_DAY_FILE = re.compile(r"^(?:(?P<root>.*)/)?(?P<folder>[^/]+)/(?P<day>\d{4}-\d{2}-\d{2})\.json$")
_DM_ID = re.compile(r"^D[A-Z0-9]{6,}$")
_SLACKBOT = {"USLACKBOT": "Slackbot"}


class ConversationKind(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    DM = "dm"
    MPIM = "mpim"


CONVERSATION_FILES = {
    "channels.json": ConversationKind.PUBLIC,
    "groups.json": ConversationKind.PRIVATE,
    "mpims.json": ConversationKind.MPIM,
    "dms.json": ConversationKind.DM,
}
PRIVATE_CONVERSATION_FILES = ("groups.json", "mpims.json", "dms.json")
USER_FILES = ("users.json", "org_users.json")
UNREAD_INDEX_FILES = ("integration_logs.json",)


@dataclass(frozen=True, slots=True)
class DayFile:
    """One day of one conversation; ``root`` is the folder that holds the conversations."""

    entry: ArchiveEntry
    root: str
    folder: str
    day: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A channel or direct conversation; ``label`` is its name, or its members' names."""

    id: str
    label: str
    kind: ConversationKind
    visibility: tuple[str, ...]

    @property
    def title(self) -> str:
        is_named = self.kind in (ConversationKind.PUBLIC, ConversationKind.PRIVATE)
        return f"#{self.label}" if is_named else self.label


@dataclass(frozen=True, slots=True)
class ExportIndex:
    """What the index files say. ``notes`` tells users what was missing or could not be read."""

    names: Names
    bots: frozenset[str]
    user_count: int
    conversations: Mapping[tuple[str, str], Conversation]
    has_private_kinds: bool
    notes: tuple[str, ...]

    def conversation(self, root: str, folder: str) -> Conversation:
        """The conversation in ``folder``, by the index file nearest to it."""
        while True:
            known = self.conversations.get((root, folder))
            if known:
                return known
            if not root:
                return self._unlisted(folder)
            root = root.rpartition("/")[0]

    def _unlisted(self, folder: str) -> Conversation:
        """A conversation that no index file lists.

        A standard export holds nothing but public channels and has no files for other kinds;
        where there are such files, what they leave out may be private and is kept from all.
        """
        if _DM_ID.match(folder):
            kind = ConversationKind.DM
        elif folder.startswith("mpdm-"):
            kind = ConversationKind.MPIM
        else:
            kind = ConversationKind.PRIVATE if self.has_private_kinds else ConversationKind.PUBLIC
        return Conversation(folder, folder, kind, _visibility(folder, kind, []))


def day_file(entry: ArchiveEntry) -> DayFile | None:
    """The entry as a day's messages, judged by its name."""
    match = _DAY_FILE.match(entry.name)
    if match is None:
        return None
    return DayFile(entry, match["root"] or "", match["folder"], match["day"])


def is_index_file(entry: ArchiveEntry) -> bool:
    """Whether the entry says who and where, not what; such files are not counted as read."""
    return _base_name(entry) in {*CONVERSATION_FILES, *USER_FILES, *UNREAD_INDEX_FILES}


def leaving_out_rule(entry: ArchiveEntry) -> str:
    """The rule by which an entry that is neither index nor messages is left out."""
    name = _base_name(entry)
    if "__uploads/" in entry.name:
        return "uploaded_file"
    if name == "content_flags.json":
        return "content_flags"
    return "canvas" if name.startswith("canvas") else "no_message_file"


def read_index(archive: SafeZip) -> ExportIndex:
    """Read every index file; a missing or broken one becomes a note, never an error."""
    files = [
        entry
        for entry in archive.entries
        if is_index_file(entry) and _base_name(entry) not in UNREAD_INDEX_FILES
    ]
    present = {_base_name(entry) for entry in files}
    notes = list(_notes_of_absence(present))
    listed: list[tuple[str, str, JsonObject]] = []
    for entry in files:
        try:
            root, name = entry.name.rpartition("/")[0], _base_name(entry)
            listed += [(root, name, item) for item in parse_objects(archive, entry)]
        except UnreadableFileError as error:
            notes.append(f"{entry.name} is left out: {error.message}")
    users = [item for _, name, item in listed if name in USER_FILES]
    user_names = _SLACKBOT | {id: name for user in users for id, name in _names_of(user)}
    conversations = _conversations(listed, user_names)
    return ExportIndex(
        names=Names(user_names, {c.id: c.label for c in conversations.values()}),
        bots=frozenset(text_field(user, "id") for user in users if user.get("is_bot") is True),
        user_count=len(users),
        conversations=conversations,
        has_private_kinds=not present.isdisjoint(PRIVATE_CONVERSATION_FILES),
        notes=tuple(notes),
    )


def display_name(user: JsonObject) -> str:
    """What a user is called: by choice, by real name, by account name; may be empty."""
    profile = object_field(user, "profile")
    name = text_field(profile, "display_name", "real_name") or text_field(user, "real_name", "name")
    return decode_entities(name.strip())


def _names_of(user: JsonObject) -> Iterator[tuple[str, str]]:
    """The user's name by user id, and by bot id for a bot's user."""
    name = display_name(user)
    if name:
        for id in (text_field(user, "id"), text_field(object_field(user, "profile"), "bot_id")):
            if id:
                yield id, name


def _conversations(
    listed: Iterable[tuple[str, str, JsonObject]], user_names: Mapping[str, str]
) -> dict[tuple[str, str], Conversation]:
    """Listed conversations by the folders that may hold them; of equal names the first stays."""
    found: dict[tuple[str, str], Conversation] = {}
    earlier_names: list[tuple[str, str, Conversation]] = []
    for root, file_name, item in listed:
        if file_name not in CONVERSATION_FILES:
            continue
        conversation = _conversation(item, CONVERSATION_FILES[file_name], user_names)
        for folder in (text_field(item, "name"), conversation.id):
            if folder:
                found.setdefault((root, folder), conversation)
        earlier_names += [
            (root, name, conversation) for name in texts_field(item, "previous_names")
        ]
    for root, name, conversation in earlier_names:
        found.setdefault((root, name), conversation)
    return found


def _conversation(
    item: JsonObject, kind: ConversationKind, user_names: Mapping[str, str]
) -> Conversation:
    id = text_field(item, "id") or text_field(item, "name")
    members = texts_field(item, "members") or [text_field(item, "user")]
    people = dict.fromkeys(user_names.get(member, member) for member in members if member)
    label = text_field(item, "name") or id
    if kind in (ConversationKind.DM, ConversationKind.MPIM):
        label = ", ".join(people) or label
    # Some tools list private channels among the public ones and mark them.
    if kind is ConversationKind.PUBLIC and item.get("is_private") is True:
        kind = ConversationKind.PRIVATE
    return Conversation(id, label, kind, _visibility(id, kind, members))


def _notes_of_absence(present: set[str]) -> Iterator[str]:
    if present.isdisjoint(USER_FILES):
        yield "no users.json: people are shown by their ids where messages do not name them"
    if present.isdisjoint(CONVERSATION_FILES):
        yield "no channels.json: channels are known by their folders' names and taken as public"


def _base_name(entry: ArchiveEntry) -> str:
    return entry.name.rpartition("/")[2]


def _visibility(id: str, kind: ConversationKind, members: list[str]) -> tuple[str, ...]:
    if kind is ConversationKind.PUBLIC:
        return (PUBLIC,)
    people = tuple(f"slack:user:{member}" for member in dict.fromkeys(members) if member)
    return people or (f"slack:channel:{id}",)
