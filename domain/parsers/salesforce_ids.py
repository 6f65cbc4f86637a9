"""Salesforce ids: 15 characters of which the case matters, or 18 that say it in three more."""

from __future__ import annotations

import re
from functools import lru_cache

from domain.parsers.word_lists import words

_CAPITALS = {char: "01"[chr(char).isupper()] for char in range(128)}
_LETTER = {
    f"{capitals:05b}"[::-1]: letter
    for capitals, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
}
"""By which of five characters are capitals, from the first to the last."""

_SHORT_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9]{15}\Z", re.ASCII)
_CUSTOM_PREFIX = re.compile(r"a[0-9A-Z][0-9A-Za-z]\Z")

OBJECT_OF_PREFIX = dict(
    pair.split(":")
    for pair in words("""
    001:Account 002:Note 003:Contact 005:User 006:Opportunity 00D:Organization 00E:UserRole
    00G:Group 00K:OpportunityContactRole 00O:Report 00P:Attachment 00Q:Lead 00T:Task 00U:Event
    00a:CaseComment 00e:Profile 00k:OpportunityLineItem 00q:OpportunityTeamMember
    00v:CampaignMember 00J:OpportunityCompetitor 012:RecordType 015:Document 01Z:Dashboard
    01m:BusinessHours 01s:Pricebook2 01t:Product2 01u:PricebookEntry 02Z:AccountContactRole
    02i:Asset 02s:EmailMessage 068:ContentVersion 069:ContentDocument 06A:ContentDocumentLink
    07k:AccountContactRelation 0D5:FeedItem 0D7:FeedComment 0Q0:Quote 0QL:QuoteLineItem
    0WO:WorkOrder 08p:ServiceAppointment 500:Case 501:Solution 550:Entitlement
    570:LiveChatTranscript 701:Campaign 800:Contract 801:Order 802:OrderItem
    810:ServiceContract 0PK:Individual
    """)
)
"""The standard objects whose ids begin with these three characters."""


@lru_cache(maxsize=65_536)
def full_id(text: str) -> str | None:
    """The 18 characters of an id that is written with 15 or 18; ``None`` if it is no id.

    18 characters must agree with their own suffix; 15 need a digit and no more, so that the
    caller should expect an id there.
    """
    short = text[:15]
    if not _SHORT_ID.match(short):
        return None
    full = short + _suffix(short)
    return full if len(text) == 15 or full.upper() == text.upper() else None


def sure_id(text: str) -> str | None:
    """``full_id`` of what is an id wherever it stands: a right suffix, or a usual beginning."""
    if len(text) == 18 or (len(text) == 15 and is_usual_prefix(text[:3])):
        return full_id(text)
    return None


def is_usual_prefix(prefix: str) -> bool:
    """Whether ids of a standard object known here, or of custom objects, begin so."""
    return prefix in OBJECT_OF_PREFIX or bool(_CUSTOM_PREFIX.match(prefix))


def _suffix(short: str) -> str:
    """One letter for each five characters, which says which of them are capitals."""
    capitals = short.translate(_CAPITALS)
    return _LETTER[capitals[:5]] + _LETTER[capitals[5:10]] + _LETTER[capitals[10:]]
