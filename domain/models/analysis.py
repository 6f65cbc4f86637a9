"""What was understood of a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IdentifierKind(StrEnum):
    SALESFORCE_ID = "salesforce_id"
    EMAIL = "email"
    URL = "url"
    NUMBER = "number"
    TICKET = "ticket"
    UUID = "uuid"


@dataclass(frozen=True, slots=True)
class Identifier:
    """``written`` is what the query says.

    ``spellings`` all mean it, the first being the usual one; letters of either case are the same
    but for Salesforce ids of 15 characters. A URL is spelled without scheme, ``www.`` and final
    slash. ``native_ids`` are those of the records that it is the identifier of, where it says so.
    """

    kind: IdentifierKind
    written: str
    spellings: tuple[str, ...]
    native_ids: tuple[str, ...] = ()

    @property
    def is_case_sensitive(self) -> bool:
        return self.kind is IdentifierKind.SALESFORCE_ID


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """What was understood. ``text`` is what the legs look for: words and phrases, in order.

    Several names (``authors``), places, sources or types mean any of them; phrases and excluded
    words hold all together. ``since`` is inclusive, ``until`` exclusive.
    """

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    identifiers: tuple[Identifier, ...] = ()

    @property
    def is_filter_only(self) -> bool:
        """Whether nothing is left to look for: then the newest comes first."""
        return not self.text
