"""Conversations: which there are, what they are called, and who may see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.models.records import PUBLIC
from domain.parsers.slack_fields import JsonObject, text_field, texts_field

_WORKSPACE = re.compile(r"(?:^|/)teams/([^/]+)")
_DM_ID = re.compile(r"^D[A-Z0-9]{6,}$")


class ConversationKind(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    DM = "dm"
    MPIM = "mpim"
    UNKNOWN = "unknown"


CONVERSATION_FILES = {
    "channels.json": ConversationKind.PUBLIC,
    "groups.json": ConversationKind.PRIVATE,
    "mpims.json": ConversationKind.MPIM,
    "dms.json": ConversationKind.DM,
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A channel or direct conversation; ``label`` is its name, or its members' names.

    ``key`` is what its messages' native ids begin with: Slack's id, which is the same in every
    workspace and export. ``root`` is the folder that lists it, ``workspace`` whose that is, if it
    is a Grid's.
    """

    id: str
    label: str
    kind: ConversationKind
    visibility: tuple[str, ...]
    key: str
    root: str = ""
    workspace: str = ""

    @property
    def title(self) -> str:
        is_named = self.kind in (ConversationKind.PUBLIC, ConversationKind.PRIVATE)
        return f"#{self.label}" if is_named else self.label


def unlisted(root: str, folder: str, *, has_private_kinds: bool, label: str = "") -> Conversation:
    """A conversation that no index file lists, so that only its folder tells it from others.

    A standard export holds nothing but public channels and has no files for other kinds;
    where there are such files, what they leave out may be private and is kept from all.
    """
    workspace = workspace_of(root)
    if _DM_ID.match(folder):
        kind = ConversationKind.DM
    elif folder.startswith("mpdm-"):
        kind = ConversationKind.MPIM
    else:
        kind = ConversationKind.PRIVATE if has_private_kinds else ConversationKind.PUBLIC
    key = f"{workspace}/{folder}" if workspace else folder
    visibility = _visibility(folder, kind, [])
    return Conversation(folder, label or folder, kind, visibility, key, root, workspace)


def workspace_of(root: str) -> str:
    """The Grid workspace that a folder belongs to, or nothing."""
    match = _WORKSPACE.search(root)
    return match[1] if match else ""


def conversations_of(
    listed: Iterable[tuple[str, str, JsonObject]], user_names: Mapping[str, str]
) -> dict[tuple[str, str], Conversation]:
    """Listed conversations by the folders that may hold them; of equal names the first stays."""
    listings: dict[tuple[str, str], tuple[ConversationKind, JsonObject]] = {}
    for root, file_name, item in listed:
        if file_name in CONVERSATION_FILES:
            listings.setdefault((root, _id_of(item)), (CONVERSATION_FILES[file_name], item))
    known = _joined(
        {
            (root, id): _conversation(root, item, kind, user_names)
            for (root, id), (kind, item) in listings.items()
        },
        {(root, id): _identity(item) for (root, id), (_, item) in listings.items()},
    )
    found: dict[tuple[str, str], Conversation] = {}
    for (root, id), (_, item) in listings.items():
        for folder in (text_field(item, "name"), id):
            if folder:
                found.setdefault((root, folder), known[root, id])
    for (root, id), (_, item) in listings.items():
        for folder in texts_field(item, "previous_names"):
            found.setdefault((root, folder), known[root, id])
    return found


def _joined(
    listed: Mapping[tuple[str, str], Conversation], identities: Mapping[tuple[str, str], object]
) -> dict[tuple[str, str], Conversation]:
    """Make one conversation of what several workspaces list under one id.

    Its members are all that any of them names. Should tools have given one id to different
    channels, each gets its workspace into its key, so that none takes the other's messages.
    """
    by_id: dict[str, list[str]] = {}
    for root, id in listed:
        by_id.setdefault(id, []).append(root)
    joined = dict(listed)
    for id, roots in by_id.items():
        if len(roots) == 1:
            continue
        several = [listed[root, id] for root in sorted(roots)]
        is_one = len({identities[root, id] for root in roots}) == 1
        visibility = tuple(dict.fromkeys(who for each in several for who in each.visibility))
        for root, each in zip(sorted(roots), several, strict=True):
            joined[root, id] = (
                replace(several[0], visibility=visibility, workspace="")
                if is_one
                else replace(each, key=f"{each.workspace or root}/{id}" if root else id)
            )
    return joined


def _id_of(item: JsonObject) -> str:
    return text_field(item, "id") or text_field(item, "name")


def _identity(item: JsonObject) -> tuple[str, str]:
    """What does not differ between two listings of one channel."""
    return text_field(item, "name"), str(item.get("created"))


def _conversation(
    root: str, item: JsonObject, kind: ConversationKind, user_names: Mapping[str, str]
) -> Conversation:
    id = _id_of(item)
    members = texts_field(item, "members") or [text_field(item, "user")]
    people = dict.fromkeys(user_names.get(member, member) for member in members if member)
    label = text_field(item, "name") or id
    if kind in (ConversationKind.DM, ConversationKind.MPIM):
        label = ", ".join(people) or label
    # Some tools list private channels among the public ones and mark them.
    if kind is ConversationKind.PUBLIC and item.get("is_private") is True:
        kind = ConversationKind.PRIVATE
    visibility = _visibility(id, kind, members)
    return Conversation(id, label, kind, visibility, id, root, workspace_of(root))


def _visibility(id: str, kind: ConversationKind, members: list[str]) -> tuple[str, ...]:
    if kind is ConversationKind.PUBLIC:
        return (PUBLIC,)
    people = tuple(f"slack:user:{member}" for member in dict.fromkeys(members) if member)
    return people or (f"slack:channel:{id}",)
