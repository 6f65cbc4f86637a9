"""Who a message is from and whom it addresses, by what other sources know people by."""

from __future__ import annotations

import re

from domain.models.records import JsonValue
from domain.parsers.slack_export import Account, ExportIndex
from domain.parsers.slack_fields import JsonObject, object_field, text_field

_MENTION = re.compile(r"<@([A-Za-z0-9_]+)(?:\|[^<>]*)?>")
_NO_ACCOUNT = Account("", "")


def add_account(
    metadata: dict[str, JsonValue], message: JsonObject, account: Account | None
) -> None:
    """Add the author's workspace and e-mail address, as far as the export tells them.

    People of other workspaces are in no ``users.json``; their messages may say both.
    """
    team = account.team if account else text_field(message, "user_team", "team")
    email = account.email if account else _email_of(message)
    if team:
        metadata["team_id"] = team
    if email:
        metadata["author_email"] = email


def add_mentions(metadata: dict[str, JsonValue], text: str, index: ExportIndex) -> None:
    """Add whom a message's raw text addresses, each once, in order."""
    ids = dict.fromkeys(_MENTION.findall(text))
    if ids:
        metadata["mentions"] = [_person(id, index) for id in ids]


def _email_of(message: JsonObject) -> str:
    if "user_profile" not in message:
        return ""
    return text_field(object_field(message, "user_profile"), "email").strip().lower()


def _person(user_id: str, index: ExportIndex) -> JsonValue:
    account = index.accounts.get(user_id, _NO_ACCOUNT)
    facts = {
        "user_id": user_id,
        "name": index.names.users.get(user_id, ""),
        "team_id": account.team,
        "email": account.email,
    }
    return {key: value for key, value in facts.items() if value}
