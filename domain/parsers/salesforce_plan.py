"""What the columns of a Salesforce table say about all of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from domain.models.records import JsonValue
from domain.parsers.salesforce_columns import Column, Scope
from domain.parsers.salesforce_fields import canonical, object_label, relation_of

_PERSON = ("FirstName", "MiddleName", "LastName", "Suffix")
_TITLES = ("Name", "Subject", "DeveloperName")
_LATER_TITLES = (
    *("Title", "Name__c", "Full_Name__c", "Title__c", "Subject__c", "Label__c", "CaseNumber"),
    *("OrderNumber", "ContractNumber", "QuoteNumber", "Username", "Alias", "PathOnClient"),
)
_EVENT_TIMES = {
    "Task": ("CompletedDateTime", "ActivityDate"),
    "Event": ("StartDateTime", "ActivityDateTime", "ActivityDate"),
    "EmailMessage": ("MessageDate",),
}
_LATER_TIMES = ("CloseDate", "ActivityDate", "StartDate", "EffectiveDate")
_LAST_TIMES = ("LastModifiedDate", "SystemModstamp")
_CUSTOM_TIME = re.compile(
    r"(?:start|payment|event|activity|due|close|effective|scheduled|established|check_in)"
    r"_?(?:date|time)?__c\Z|timestamp__c\Z",
    re.IGNORECASE,
)
_ADDRESSES = ("Billing", "Shipping", "Mailing", "Other", "")
_ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")


@dataclass(frozen=True, slots=True)
class Address:
    """The columns that are an address together."""

    label: str
    parts: tuple[int, ...]


class RowPlan:
    """What a header says about all the rows below it; rows are lists of as many values.

    ``names`` are their fields' names if these are not the columns' in Salesforce's spelling.
    ``is_text`` says that all values are texts, as in a table.
    """

    def __init__(
        self, sobject: str, columns: Sequence[str], scope: Scope, names: Sequence[str] | None = None
    ) -> None:
        self.is_text = names is not None
        self.sobject = sobject
        self.label = object_label(sobject)
        self.scope = scope
        self.columns = tuple(columns)
        spelt = self.names = tuple(names or map(canonical, columns))
        self.at = {name: index for index, name in reversed(list(enumerate(spelt)))}
        all_columns = [
            Column(index, raw, name, scope)
            for index, (raw, name) in enumerate(zip(columns, spelt, strict=True))
        ]
        self._hush(all_columns)
        self._pair_names(all_columns)
        told = [column for column in all_columns if column.name != "Id"]
        ordered = sorted(told, key=lambda column: (column.traits.rank, column.index))
        self.steps = [(column.name, column.remembered, column) for column in ordered]
        self.in_order = _picker([column.index for column in ordered])
        self.titles = self._present(*_TITLES)
        self.person = self._present(*_PERSON)
        self.later_titles = self._present(*_LATER_TITLES)
        self.times = self._times(spelt)
        self.versions = self._present("SystemModstamp", "LastModifiedDate")
        self.id_at = self.at.get("Id", -1)
        self.deleted_at = self.at.get("IsDeleted", -1)
        self.currency_at = self.at.get("CurrencyIsoCode", -1)
        self.addresses = [address for prefix in _ADDRESSES if (address := self._address(prefix))]

    def _present(self, *names: str) -> tuple[int, ...]:
        return tuple(self.at[name] for name in names if name in self.at)

    def _times(self, spelt: Sequence[str]) -> tuple[int, ...]:
        own = _EVENT_TIMES.get(self.sobject, ())
        custom = [name for name in spelt if _CUSTOM_TIME.search(name)]
        names = (*own, "CreatedDate", *_LATER_TIMES, *custom, *_LAST_TIMES)
        return tuple(dict.fromkeys(self._present(*names)))

    def _hush(self, columns: Sequence[Column]) -> None:
        """Leave out of the sentence what its title or an address says already."""
        told = {*_PERSON, *_TITLES, "Salutation"}
        for prefix in _ADDRESSES:
            if self._address(prefix):
                told |= {prefix + part for part in _ADDRESS_PARTS}
                told |= {f"{prefix}Address"}
        for column in columns:
            column.is_silent |= column.name in told

    def _address(self, prefix: str) -> Address | None:
        parts = self._present(*(prefix + part for part in _ADDRESS_PARTS))
        label = f"{prefix.lower()} address".strip()
        return Address(label, parts) if len(parts) > 1 else None

    def _pair_names(self, columns: Sequence[Column]) -> None:
        """Let each lookup know the column that names what it leads to: ``Account.Name``."""
        for column in columns:
            relation = relation_of(column.name)
            named = self.at.get(f"{relation}.Name")
            if named is not None and named != column.index:
                column.name_at = named
                columns[named].is_silent = True


def _picker(order: Sequence[int]) -> Callable[[Sequence[JsonValue]], Sequence[JsonValue]]:
    """Puts the values of a row into the order."""
    if len(order) > 1:
        return itemgetter(*order)
    return lambda cells: [cells[index] for index in order]
