"""HERB: people, products and customers of a software company's Slack, calls and pull requests."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.correlation_scoring import (
    Pair,
    Row,
    ids_of,
    link,
    linked,
    measured,
    pairs_between,
    same_name,
)
from benchmarks.correlation_sets import described, read_table
from domain.correlation import NameDictionary, mentions_in
from domain.models.entities import Description, EntityKind

Json = Mapping[str, Any]
PERSON = EntityKind.PERSON


def herb(folder: Path) -> Iterator[Row]:
    employees = read_table(folder / "employees.csv", ",")
    calls = _json_lines(folder / "gong-calls.jsonl.gz")
    with zipfile.ZipFile(folder / "slack-export.zip") as export:
        channels = json.loads(export.read("channels.json"))
        users = json.loads(export.read("users.json"))
        messages = _messages(export)
    yield _herb_people_by_key(employees, users, calls, _json_lines(folder / "prs.jsonl.gz"))
    team = read_table(folder / "gold" / "product_team.tsv", "\t")
    products = sorted({row["product"] for row in team})
    yield _herb_people_by_name(employees, channels, calls, products)
    yield from _herb_products(folder, messages, calls, products)


def _herb_people_by_key(
    employees: Sequence[Json], users: Sequence[Json], calls: Sequence[Json], prs: Sequence[Json]
) -> Row:
    """Slack users by their number, parties of calls by address, authors and reviewers by login."""
    known = {row["Id"]: described(PERSON, "", _herb_keys(row["Id"])) for row in employees}
    parties = [party for call in calls for party in call["parties"]]
    logins = [one["user"]["login"] for pr in prs for one in (pr, *pr["reviews"])]
    people = [
        *((user["id"], described(PERSON, "", {f"slack-user:{user['id']}"})) for user in users),
        *((party["userId"], _party_by_key(party)) for party in parties),
        *((login, described(PERSON, "", {f"login:{login}"})) for login in logins),
    ]
    truth = {(place, id) for place, (id, _) in enumerate(people) if id in known}
    baseline = pairs_between((id for id, _ in people), known)
    ids = list(known)
    return measured(
        "herb",
        "exact: Slack users, callers, PR authors to employees",
        truth,
        {(place, ids[int(str(other))]) for place, other in baseline},
        lambda: linked(link([one for _, one in people], known)),
    )


def _herb_keys(id: str) -> set[str]:
    return {f"slack-user:{id}", f"login:{id}", f"email:{id}@example.org"}


def _party_by_key(party: Json) -> Description:
    address = party["emailAddress"]
    return described(PERSON, "", {f"email:{address}"} if address else set())


def _herb_people_by_name(
    employees: Sequence[Json],
    channels: Sequence[Json],
    calls: Sequence[Json],
    products: Sequence[str],
) -> Row:
    """Parties of calls without address and number: by name, title, and what they are seen with.

    An employee is seen with the products that the names of their channels name, a party with those
    of the call's title. Many calls and channels go by a code name: these say nothing.
    """
    dictionary = NameDictionary((product, product) for product in products)
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for channel in channels:
        for member in channel["members"]:
            seen[member] |= ids_of(mentions_in(channel["name"], dictionary))
    known = {
        row["Id"]: described(
            PERSON, row["Name"], {f"employee:{row['Id']}"}, title=row["Title"],
            context=";".join(sorted(seen[row["Id"]])),
        )
        for row in employees
    }  # fmt: skip
    parties = [
        (party, ";".join(sorted(ids_of(mentions_in(_call_title(call), dictionary)))))
        for call in calls
        for party in call["parties"]
        if party["userId"]
    ]
    people = [
        described(PERSON, party["name"], title=party["title"] or "", context=context)
        for party, context in parties
    ]
    names = {id: one.name for id, one in known.items()}
    return measured(
        "herb",
        "callers to employees, keys hidden",
        {(place, party["userId"]) for place, (party, _) in enumerate(parties)},
        same_name(people, names),
        lambda: linked(link(people, known)),
    )


def _herb_products(
    folder: Path,
    messages: Mapping[str, Sequence[Json]],
    calls: Sequence[Json],
    products: Sequence[str],
) -> Iterator[Row]:
    """People and customers of the channels and calls whose name or title names a product."""
    team = read_table(folder / "gold" / "product_team.tsv", "\t")
    customers = read_table(folder / "gold" / "product_customers.tsv", "\t")
    dictionary = NameDictionary((product, product) for product in products)

    def found(pattern: str) -> set[Pair]:
        pairs: set[Pair] = set()
        for place, keys in _herb_places(messages, calls, re.compile(pattern)):
            for name in mentions_in(place, dictionary):
                pairs |= {(product, key) for product in name.ids for key in keys}
        return pairs

    def baseline(pattern: str) -> set[Pair]:
        """Keys in messages that have the product's very name."""
        keys = re.compile(pattern)
        texts = [one.get("text", "") for channel in messages.values() for one in channel]
        return {
            (product, key)
            for text in texts
            for product in products
            if product in text
            for key in keys.findall(text)
        }

    for links, rows, column, pattern in (
        ("product to its team", team, "employee_id", r"eid_[0-9a-f]{8}"),
        ("product to its customers", customers, "customer_id", r"CUST-\d{4}"),
    ):
        truth = {(row["product"], row[column]) for row in rows}
        yield measured("herb", links, truth, baseline(pattern), partial(found, pattern))


def _herb_places(
    messages: Mapping[str, Sequence[Json]], calls: Sequence[Json], keys: re.Pattern[str]
) -> Iterator[tuple[str, set[str]]]:
    """Each channel's name and each call's title, with the keys that its records carry."""
    for channel, ones in messages.items():
        texts = (f"{one.get('user', '')} {one.get('text', '')}" for one in ones)
        yield channel, {key for text in texts for key in keys.findall(text)}
    for call in calls:
        parties = " ".join(str(party["userId"]) for party in call["parties"])
        yield _call_title(call), set(keys.findall(parties))


def _call_title(call: Json) -> str:
    return str(call["metaData"]["title"])


def _messages(export: zipfile.ZipFile) -> dict[str, list[Json]]:
    messages: defaultdict[str, list[Json]] = defaultdict(list)
    for name in export.namelist():
        channel, slash, _ = name.partition("/")
        if slash and name.endswith(".json"):
            messages[channel] += json.loads(export.read(name))
    return messages


def _json_lines(path: Path) -> list[Json]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
