"""How a Slack export is laid out: its conversations, its people, its members' names.

::

    channels.json groups.json dms.json mpims.json     who talks where (each may be missing)
    users.json org_users.json                         who is who
    <conversation>/2026-11-23.json                    a day's messages
    <conversation>/canvas_in_the_conversation.json    no messages

All of it may lie in a folder of its own. An Enterprise Grid's has ``teams/<workspace>/`` with the
like of it for each workspace; what belongs to several of them, and all direct conversations, lie
beside ``teams``. A channel of several workspaces may also be listed in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from domain.errors import UnreadableFileError
from domain.parsers.slack_conversations import (
    CONVERSATION_FILES,
    Conversation,
    conversations_of,
    unlisted,
)
from domain.parsers.slack_fields import JsonObject, object_field, text_field
from domain.parsers.slack_json import parse_objects
from domain.parsers.slack_markup import Names, decode_entities
from domain.parsers.zip_reading import ArchiveEntry, SafeZip

_DAY_FILE = re.compile(r"^(?:(?P<root>.*)/)?(?P<folder>[^/]+)/(?P<day>\d{4}-\d{2}-\d{2})\.json$")
_SLACKBOT = {"USLACKBOT": "Slackbot"}

PRIVATE_CONVERSATION_FILES = ("groups.json", "mpims.json", "dms.json")
USER_FILES = ("users.json", "org_users.json")
UNREAD_INDEX_FILES = ("integration_logs.json",)
_READ_INDEX_FILES = frozenset((*CONVERSATION_FILES, *USER_FILES))
_INDEX_FILES = _READ_INDEX_FILES | frozenset(UNREAD_INDEX_FILES)
_LEFT_OUT = (
    ("canvas", "canvas"),
    ("content_flags", "content_flags"),
    ("huddle", "huddle"),
    ("lists", "lists"),
)
"""What Slack writes beside messages: addresses of canvases and lists, and notes of reviewers."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """One day of one conversation; ``root`` is the folder that holds the conversations."""

    entry: ArchiveEntry
    root: str
    folder: str
    day: str


@dataclass(frozen=True, slots=True)
class Account:
    """A user's account: the workspace that it is of, and its e-mail address. Either may lack."""

    team: str
    email: str


@dataclass(frozen=True, slots=True)
class ExportIndex:
    """What the index files say. ``notes`` tells users what was missing or could not be read.

    ``accounts`` are by user id, ``conversations`` by root and folder, ``roots`` by channel id.
    """

    names: Names = field(default_factory=Names)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    bots: frozenset[str] = frozenset()
    user_count: int = 0
    conversations: Mapping[tuple[str, str], Conversation] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    has_private_kinds: bool = False
    notes: tuple[str, ...] = ()

    def conversation(self, root: str, folder: str) -> Conversation:
        """The conversation in ``folder``, by the index file nearest to it."""
        day_root = root
        while True:
            known = self.conversations.get((root, folder))
            if known:
                return known
            if not root:
                return unlisted(day_root, folder, has_private_kinds=self.has_private_kinds)
            root = root.rpartition("/")[0]


class Export:
    """An archive and its day files by their members' keys, in stored order."""

    def __init__(self, archive: SafeZip) -> None:
        self.archive = archive
        self.days = {entry.key: day for entry in archive.entries if (day := day_file(entry))}


NO_INDEX = ExportIndex(Names(_SLACKBOT))
"""For messages outside of an export."""


def day_file(entry: ArchiveEntry) -> DayFile | None:
    """The entry as a day's messages, judged by its name."""
    match = _DAY_FILE.match(entry.name)
    if match is None:
        return None
    return DayFile(entry, match["root"] or "", match["folder"], match["day"])


def is_index_file(entry: ArchiveEntry) -> bool:
    """Whether the entry says who and where, not what; such files are not counted as read."""
    return _base_name(entry) in _INDEX_FILES


def count_of_app_changes(archive: SafeZip) -> int:
    """How many installations and removals of apps the integration logs tell of."""
    logs = [entry for entry in archive.entries if _base_name(entry) in UNREAD_INDEX_FILES]
    count = 0
    for entry in logs:
        with suppress(UnreadableFileError):
            count += sum(1 for _ in parse_objects(archive, entry))
    return count


def leaving_out_rule(entry: ArchiveEntry) -> str:
    """The rule by which an entry that is neither index nor messages is left out."""
    if "__avatars/" in entry.name:
        return "avatar"
    name = _base_name(entry)
    return next((rule for start, rule in _LEFT_OUT if name.startswith(start)), "no_message_file")


def read_index(archive: SafeZip) -> ExportIndex:
    """Read every index file; a missing or broken one becomes a note, never an error."""
    files = [entry for entry in archive.entries if _base_name(entry) in _READ_INDEX_FILES]
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
    conversations = conversations_of(listed, user_names)
    return ExportIndex(
        names=Names(user_names, {c.id: c.label for c in conversations.values()}),
        accounts={id: account for user in users for id, account in _accounts_of(user)},
        bots=frozenset(text_field(user, "id") for user in users if user.get("is_bot") is True),
        user_count=len(users),
        conversations=conversations,
        roots={c.id: c.root for c in conversations.values()},
        has_private_kinds=not present.isdisjoint(PRIVATE_CONVERSATION_FILES),
        notes=tuple(notes),
    )


def display_name(user: JsonObject) -> str:
    """What a user is called: by choice, by real name, by account name; may be empty."""
    profile = object_field(user, "profile")
    name = text_field(profile, "display_name", "real_name") or text_field(user, "real_name", "name")
    return decode_entities(name.strip())


def _names_of(user: JsonObject) -> Iterator[tuple[str, str]]:
    """The user's name by user id, by the Grid's id, and by bot id for a bot's user."""
    name = display_name(user)
    if name:
        in_grid = object_field(user, "enterprise_user")
        bot_id = text_field(object_field(user, "profile"), "bot_id")
        for id in (text_field(user, "id"), text_field(in_grid, "id"), bot_id):
            if id:
                yield id, name


def _accounts_of(user: JsonObject) -> Iterator[tuple[str, Account]]:
    """The user's account by user id, and by the Grid's id."""
    in_grid = object_field(user, "enterprise_user")
    email = text_field(object_field(user, "profile"), "email").strip().lower()
    account = Account(text_field(user, "team_id"), email)
    if account.team or account.email:
        for id in (text_field(user, "id"), text_field(in_grid, "id")):
            if id:
                yield id, account


def _notes_of_absence(present: set[str]) -> Iterator[str]:
    if present.isdisjoint(USER_FILES):
        yield "no users.json: people are shown by their ids where messages do not name them"
    if present.isdisjoint(CONVERSATION_FILES):
        yield "no channels.json: channels are known by their folders' names and taken as public"


def _base_name(entry: ArchiveEntry) -> str:
    return entry.name.rpartition("/")[2]
