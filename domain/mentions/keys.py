"""Keys that identify an entity beyond doubt, written one way whatever the source."""

from __future__ import annotations

import re

from domain.models.entities import EntityKind
from domain.models.ids import RecordId
from domain.parsers.gong_people import party_key
from domain.parsers.salesforce_ids import sure_id
from domain.parsers.word_lists import words

MAX_ADDRESS_CHARS = 254
"""More no mail server takes."""

_EMAIL = re.compile(r"[a-z0-9][a-z0-9_.+'&-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}\Z")
_ROLE_MAILBOXES = frozenset(
    words("""
    noreply no-reply no.reply donotreply do-not-reply mailer-daemon postmaster bounce bounces
    notification notifications
    """)
)
_OPAQUE_RUN = re.compile(r"[0-9a-z]{8,}")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_SWITCH = re.compile(r"(?<=[0-9])(?=[a-z])|(?<=[a-z])(?=[0-9])")

_KIND_OF_PREFIX = {
    "001": EntityKind.ACCOUNT,
    "003": EntityKind.PERSON,
    "005": EntityKind.PERSON,
    "00Q": EntityKind.PERSON,
    "006": EntityKind.OPPORTUNITY,
    "500": EntityKind.CASE,
    "01t": EntityKind.PRODUCT,
}
"""Of what a Salesforce id is, by its first three characters. Leads are people."""


def email_key(text: str) -> str | None:
    """``email:ann@example.com``; ``None`` for what is no address, or nobody's in particular."""
    address = text.strip().strip("<>").lower().removeprefix("mailto:")
    if len(address) > MAX_ADDRESS_CHARS or not _EMAIL.match(address):
        return None
    if address.partition("@")[0] in _ROLE_MAILBOXES:
        return None
    return f"email:{address}"


def salesforce_key(text: str) -> tuple[EntityKind, str] | None:
    """The kind and ``salesforce:<18 characters>`` of an id; ``None`` where it is of no entity."""
    full = sure_id(text.strip())
    kind = _KIND_OF_PREFIX.get(full[:3]) if full else None
    return (kind, f"salesforce:{full}") if kind else None


def case_number_key(number: str) -> str:
    """``salesforce-case:00001187``: people leave out the zeros that Salesforce puts first."""
    return f"salesforce-case:{number.strip().zfill(8)}"


def slack_user_key(user_id: str, team: str) -> str:
    """``slack-user:T1/U2``; without the workspace where the source does not tell it."""
    return f"slack-user:{team}/{user_id}" if team else f"slack-user:{user_id}"


def slack_thread_key(conversation: str, ts: str) -> str:
    """``slack-thread:C1:1700000000.000100``, as the parser names threads."""
    return f"slack-thread:{conversation}:{ts}"


def gong_call_key(call_id: str) -> str:
    return f"gong-call:{call_id}"


def gong_user_key(user_id: str) -> str:
    return f"gong-user:{user_id}"


def gong_party_key(call_id: str, speaker_id: str) -> str:
    """Who speaks under the id in the call, as long as nothing else is known of them."""
    return party_key(call_id, speaker_id)


def record_key(record_id: RecordId) -> str:
    """What only this record describes, and no other by the same key."""
    return f"record:{record_id}"


def opaque_id_key(text: str) -> str | None:
    """``id:eid_9b023657``: an id that no two systems give to different people.

    Only what looks drawn at random counts: a run of eight or more letters and digits that goes
    from one to the other and back, or is hexadecimal. ``CUST-0001``, ``4711`` and ``jsmith01`` are
    given many times.
    """
    folded = text.strip().lower()
    return f"id:{folded}" if any(map(_is_mixed, _OPAQUE_RUN.findall(folded))) else None


def _is_mixed(run: str) -> bool:
    switches = len(_SWITCH.findall(run))
    return switches > 1 or (switches == 1 and _HEXADECIMAL.fullmatch(run) is not None)


def possible_keys(text: str) -> list[str]:
    """The keys that someone may mean who types this: a key itself, an address, an id, a number."""
    typed = text.strip()
    salesforce = salesforce_key(typed)
    found = [typed, email_key(typed), opaque_id_key(typed), salesforce and salesforce[1]]
    if typed.isdigit():
        found += [gong_call_key(typed), gong_user_key(typed), case_number_key(typed)]
    elif typed:
        found.append(slack_user_key(typed, ""))
    return [key for key in dict.fromkeys(found) if key]
