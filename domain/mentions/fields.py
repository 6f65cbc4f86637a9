"""Reading a record's metadata, and making descriptions of what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from domain.correlating.values import FREE_MAIL
from domain.models.entities import Description, EntityKind
from domain.models.records import JsonValue

MAX_NAME_CHARS = 200
MAX_FACT_CHARS = 200


def text_of(metadata: Mapping[str, JsonValue], name: str) -> str:
    """The entry as one line of text; empty where it is absent or no text."""
    value = metadata.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return " ".join(value.split()) if isinstance(value, str) else ""


def objects_of(metadata: Mapping[str, JsonValue], name: str) -> list[Mapping[str, JsonValue]]:
    """The objects in a list; whatever else it holds is left out."""
    value = metadata.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def described(
    kind: EntityKind,
    keys: Iterable[str | None] = (),
    name: str = "",
    facts: Mapping[str, str] | None = None,
) -> Description | None:
    """A description of what is known; ``None`` where it is neither a key nor a name."""
    known = frozenset(key for key in keys if key)
    shown = name[:MAX_NAME_CHARS].strip()
    if not known and not shown:
        return None
    told = {key: value[:MAX_FACT_CHARS] for key, value in (facts or {}).items() if value}
    return Description(kind, known, shown or None, told)


def company_domain(email_or_url: str) -> str:
    """``example.com`` of an address or a website; empty where it tells nothing of a company."""
    text = email_or_url.strip().lower()
    if "@" in text:
        domain = text.rpartition("@")[2]
    else:
        domain = _host_of(text if "//" in text else f"//{text}")
    domain = domain.removeprefix("www.")
    return "" if domain in FREE_MAIL or "." not in domain else domain


def _host_of(url: str) -> str:
    """Empty where the text is no URL, such as ``//[n/a]``."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
