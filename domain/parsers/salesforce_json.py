"""Salesforce's JSON: query results, with child queries in them, and sObject tree files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.forms import Site, raw_start
from domain.parsers.json import LIST, JsonParser, JsonReading
from domain.parsers.json_scan import Element
from domain.parsers.json_shapes import Part, is_page, is_wrapper, parts_of
from domain.parsers.salesforce_columns import Scope
from domain.parsers.salesforce_detection import child_lists, is_plan, type_of
from domain.parsers.salesforce_fields import is_custom
from domain.parsers.salesforce_plan import RowPlan
from domain.parsers.salesforce_rows import RowBuilder
from domain.parsers.salesforce_tables import object_of_name, stem_of

IMPORT_PLAN = "import_plan"
_PLANS_KEPT = 500
_NEXT_PAGE = "nextRecordsUrl"
_NO_EXTRA: dict[str, JsonValue] = {}


class SalesforceObjects(JsonParser):
    """Reads each object with its type as a record, and those in its child queries beside it."""

    def _reading(self, layout: Mapping[str, JsonValue], site: Site) -> JsonReading:
        return _ObjectReading(layout, site)


class _ObjectReading(JsonReading):
    def __init__(self, layout: Mapping[str, JsonValue], site: Site) -> None:
        super().__init__(layout, site)
        self._objects = ObjectBuilder(site)

    def made_of(self, value: JsonValue, element: Element, name: str) -> Iterator[ParsedItem]:
        parts = parts_of(value) if is_page(value) else (Part(name, value),)
        yield from self._records(parts, element)

    def made_of_only(self, value: JsonValue, element: Element) -> Iterator[ParsedItem]:
        parts = parts_of(value) if is_wrapper(value) else (Part("", value),)
        yield from self._records(parts, element)

    def made_around(self, value: Mapping[str, JsonValue], element: Element) -> Iterator[ParsedItem]:
        yield from self._records(parts_of(value), element)

    def _records(self, parts: Iterable[Part], element: Element) -> Iterator[ParsedItem]:
        for number, part in enumerate(chain.from_iterable(map(_expanded, parts))):
            item = self._objects.build(part, self._place(element, number))
            if isinstance(item, RejectedItem):
                item = replace(item, raw=raw_start(element.raw))
            yield item


def _expanded(part: Part) -> Iterator[Part]:
    """The records in a value: a page's, or one and all that its child queries hold."""
    value = part.value
    if not isinstance(value, dict) or is_plan(value):
        yield part
    elif type_of(value) is None and isinstance(value.get("records"), list):
        for record in value["records"]:
            yield from _expanded(Part(_path(part.path, "records"), record))
    else:
        yield from _family(part, value)


def _family(part: Part, value: Mapping[str, JsonValue]) -> Iterator[Part]:
    """A record without its child queries, then the children, who name it."""
    queries = dict(child_lists(value))
    own = {key: item for key, item in value.items() if key not in queries}
    own |= {
        f"{key}.{_NEXT_PAGE}": page[_NEXT_PAGE]
        for key, page in queries.items()
        if _NEXT_PAGE in page
    }
    yield Part(part.path, own)
    for key, page in queries.items():
        for child in page["records"]:
            if isinstance(child, dict):
                child = _with_parent(child, value)
            yield from _family_of_child(Part(_path(part.path, key), child))


def _family_of_child(part: Part) -> Iterator[Part]:
    if isinstance(part.value, dict):
        yield from _family(part, part.value)
    else:
        yield part


def _with_parent(
    child: Mapping[str, JsonValue], parent: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The child with a lookup to its parent, unless it has one already."""
    sobject, parent_id = type_of(parent), identity_of(parent)
    if not sobject or not parent_id or parent_id in child.values():
        return dict(child)
    lookup = sobject if is_custom(sobject) else f"{sobject}Id"
    return {lookup: parent_id} | dict(child)


def identity_of(value: Mapping[str, JsonValue]) -> str | None:
    """A record's id: its own, the one in its address, or ``@`` and its reference."""
    own = value.get("Id")
    if isinstance(own, str) and own:
        return own
    attributes = value.get("attributes")
    if not isinstance(attributes, dict):
        return None
    name, url = attributes.get("referenceId"), attributes.get("url")
    if isinstance(name, str) and name:
        return f"@{name}"
    return url.rpartition("/")[2] if isinstance(url, str) else None


def _path(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


class ObjectBuilder:
    """Builds records of objects; those with the same fields share a plan."""

    def __init__(self, site: Site) -> None:
        self._builder = RowBuilder(site)
        self._plans: dict[tuple[str, bool, tuple[str, ...]], RowPlan] = {}
        self._folder = str(PurePosixPath(site.name).parent)
        self._unnamed = object_of_name(site.name) or stem_of(site.name)

    def build(self, part: Part, place: Place) -> ParsedItem:
        """The item of a record, or of what else may stand between records."""
        value = part.value
        if not isinstance(value, dict):
            return self._builder.build(self._plan(self._unnamed, False, ("value",)), [value], place)
        if is_plan(value):
            return DroppedItem(IMPORT_PLAN, place)
        fields = _flattened(value)
        attributes = value.get("attributes")
        is_tree = isinstance(attributes, dict) and "referenceId" in attributes
        plan = self._plan(type_of(value) or self._unnamed, is_tree, tuple(fields))
        extra = {LIST: part.path} if part.path else _NO_EXTRA
        return self._builder.build(plan, list(fields.values()), place, extra=extra)

    def _plan(self, sobject: str, is_tree: bool, columns: tuple[str, ...]) -> RowPlan:
        key = (sobject, is_tree, columns)
        if key not in self._plans:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            scope = Scope(self._folder if is_tree else None)
            self._plans[key] = RowPlan(sobject, columns, scope)
        return self._plans[key]


def _flattened(value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A record's fields; those of the records that it looks up have dotted names."""
    fields: dict[str, JsonValue] = {}
    if "Id" not in value and (own := identity_of(value)):
        fields["Id"] = own
    for key, item in value.items():
        if key == "attributes":
            continue
        if isinstance(item, dict) and "attributes" in item:
            fields |= {f"{key}.{name}": inner for name, inner in _flattened(item).items()}
        else:
            fields[key] = item
    return fields
