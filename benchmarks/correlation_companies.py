"""Sets of one company with its records in several sources: EnterpriseBench and WorkBench."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.correlation_scoring import Pair, Row, ids_of, link, linked, measured, same_name
from benchmarks.correlation_sets import described, read_table
from domain.correlation import NameDictionary, mentions_in, shortened
from domain.mentions.names import known_name, names_in
from domain.models.entities import Description, EntityKind

Json = Mapping[str, Any]
PERSON = EntityKind.PERSON


def enterprisebench(folder: Path) -> Iterator[Row]:
    with zipfile.ZipFile(folder / "enterprisebench-json.zip") as archive:
        tables = {name[:-5]: json.loads(archive.read(name)) for name in archive.namelist()}
    yield _foreign_keys(tables)
    yield from _employees(tables)
    yield from _chats(tables)
    yield from _accounts(tables["clients"])


def _foreign_keys(tables: Mapping[str, Sequence[Json]]) -> Row:
    known = {
        f"{table}/{row[column]}": described(PERSON, "", {f"{table}:{row[column]}"})
        for table, column in (
            ("customers", "customer_id"),
            ("products", "product_id"),
            ("employees", "emp_id"),
        )
        for row in tables[table]
    }
    named = [
        f"{table}/{row[column]}"
        for source, column, table in (
            ("sales", "customer_id", "customers"),
            ("sales", "product_id", "products"),
            ("customer_support_chats", "customer_id", "customers"),
            ("customer_support_chats", "product_id", "products"),
            ("customer_support_chats", "emp_id", "employees"),
            ("it_tickets", "raised_by_emp_id", "employees"),
            ("it_tickets", "emp_id", "employees"),
            ("posts", "emp_id", "employees"),
        )
        for row in tables[source]
    ]
    keyed = [described(PERSON, "", {id.replace("/", ":", 1)}) for id in named]
    truth = {(place, id) for place, id in enumerate(named) if id in known}
    return measured(
        "enterprisebench", "exact: foreign keys", truth, truth, lambda: linked(link(keyed, known))
    )


def _employees(tables: Mapping[str, Sequence[Json]]) -> Iterator[Row]:
    known = {
        row["emp_id"]: described(PERSON, row["Name"], {f"employee:{row['emp_id']}"})
        for row in tables["employees"]
    }
    names = {id: one.name for id, one in known.items()}
    posts, tickets = tables["posts"], tables["it_tickets"]
    authors = [described(PERSON, row["author"]) for row in posts]
    yield measured(
        "enterprisebench",
        "authors of posts to employees, keys hidden",
        {(place, row["emp_id"]) for place, row in enumerate(posts)},
        same_name(authors, names),
        lambda: linked(link(authors, known)),
    )
    dictionary = NameDictionary((name, id) for id, name in names.items() if name)
    issues = [row["Issue"] for row in tickets]
    solutions = [row["Resolution"] for row in tickets]
    yield measured(
        "enterprisebench",
        "employees who raise tickets, named in the text",
        {(place, row["raised_by_emp_id"]) for place, row in enumerate(tickets)},
        _contained(issues, names),
        lambda: _named(issues, dictionary),
    )
    yield measured(
        "enterprisebench",
        "employees who raise tickets, as linking finds names",
        {(place, row["raised_by_emp_id"]) for place, row in enumerate(tickets)},
        _contained(issues, names),
        lambda: _as_linked(issues, known),
    )
    # Whoever solves a ticket greets the one who raised it.
    yield measured(
        "enterprisebench",
        "employees who solve tickets, named in the text",
        {(place, row["emp_id"]) for place, row in enumerate(tickets)},
        _contained(solutions, names),
        lambda: _named(solutions, dictionary, without=issues),
    )


def _chats(tables: Mapping[str, Sequence[Json]]) -> Iterator[Row]:
    chats = tables["customer_support_chats"]
    customers = {
        row["customer_id"]: described(
            PERSON, row["customer_name"], {f"customer:{row['customer_id']}"}
        )
        for row in tables["customers"]
    }
    people = [described(PERSON, row["customer_name"]) for row in chats]
    yield measured(
        "enterprisebench",
        "customers of chats, keys hidden",
        {(place, row["customer_id"]) for place, row in enumerate(chats)},
        same_name(people, {id: one.name for id, one in customers.items()}),
        lambda: linked(link(people, customers)),
    )
    names = {row["product_id"]: row["product_name"] for row in tables["products"]}
    texts = [row["text"] for row in chats]
    yield measured(
        "enterprisebench",
        "products of chats, named in the text",
        {(place, row["product_id"]) for place, row in enumerate(chats)},
        _contained(texts, names),
        lambda: _longest_named(
            texts,
            NameDictionary((part, id) for id, name in names.items() for part in shortened(name)),
        ),
    )


def _accounts(clients: Sequence[Json]) -> Iterator[Row]:
    names = {row["client_id"]: row["business_name"] for row in clients}
    texts = [row["engagement_description"] for row in clients]
    truth = {(place, row["client_id"]) for place, row in enumerate(clients)}
    yield measured(
        "enterprisebench",
        "accounts, named in the text",
        truth,
        _contained(texts, names),
        lambda: _named(texts, NameDictionary((name, id) for id, name in names.items())),
    )
    known = {
        id: described(EntityKind.ACCOUNT, name, {f"client:{id}"}) for id, name in names.items()
    }
    yield measured(
        "enterprisebench",
        "accounts, as linking finds names",
        truth,
        _contained(texts, names),
        lambda: _as_linked(texts, known),
    )


def workbench(folder: Path) -> Iterator[Row]:
    mails = read_table(folder / "emails.csv", ",")
    events = read_table(folder / "calendar_events.csv", ",")
    tasks = read_table(folder / "project_tasks.csv", ",")
    customers = read_table(folder / "customer_relationship_manager_data.csv", ",")
    colleagues = sorted(
        {row["participant_email"] for row in events}
        | {row["assigned_to_email"] for row in (*tasks, *customers)}
    )
    known = {address: _colleague(address) for address in colleagues}
    for row in customers:
        known[row["customer_email"]] = described(
            PERSON, row["customer_name"], {f"email:{row['customer_email']}"},
            domain=row["customer_email"].partition("@")[2], phone=row["customer_phone"],
        )  # fmt: skip
    senders = [row["sender/recipient"] for row in mails]
    truth = {(place, address) for place, address in enumerate(senders) if address in known}
    keyed = [described(PERSON, "", {f"email:{address}"}) for address in senders]
    yield measured(
        "workbench",
        "exact: senders to colleagues by address",
        truth,
        truth,
        lambda: linked(link(keyed, known)),
    )
    signed = [
        described(PERSON, _signature(row["body"]), domain=row["sender/recipient"].partition("@")[2])
        for row in mails
    ]
    yield measured(
        "workbench",
        "senders to colleagues by signature, keys hidden",
        truth,
        same_name(signed, {id: one.name for id, one in known.items()}),
        lambda: linked(link(signed, known)),
    )


def _colleague(address: str) -> Description:
    name, _, host = address.partition("@")
    return described(PERSON, name.replace(".", " ").title(), {f"email:{address}"}, domain=host)


def _signature(body: str) -> str:
    """The last line; the set writes line breaks as backslash and n."""
    return body.rsplit("\\n", 1)[-1].strip()


def _contained(texts: Sequence[str], names: Mapping[str, str | None]) -> set[Pair]:
    return {
        (place, id)
        for place, text in enumerate(texts)
        for id, name in names.items()
        if name and name in text
    }


def _named(
    texts: Sequence[str],
    dictionary: NameDictionary[str],
    without: Sequence[str] | None = None,
) -> set[Pair]:
    """The one entity that a text names; none where it is not clear which."""
    pairs: set[Pair] = set()
    for place, text in enumerate(texts):
        others = mentions_in(without[place], dictionary) if without else []
        ids = ids_of(mentions_in(text, dictionary)) - ids_of(others)
        if len(ids) == 1:
            pairs.add((place, min(ids)))
    return pairs


def _as_linked(texts: Sequence[str], known: Mapping[str, Description]) -> set[Pair]:
    """What the product makes of the texts: names of two words or more, matched like any other."""
    kinds: defaultdict[str, set[EntityKind]] = defaultdict(set)
    for one in known.values():
        if name := known_name(one.kind, one.name or ""):
            kinds[name].add(one.kind)
    found = [
        (place, mention.described)
        for place, text in enumerate(texts)
        for mention in names_in(text, kinds)
    ]
    decisions = link([one for _, one in found], known)
    return {
        (place, decision.linked)
        for (place, _), decision in zip(found, decisions, strict=True)
        if decision.linked is not None
    }


def _longest_named(texts: Sequence[str], dictionary: NameDictionary[str]) -> set[Pair]:
    """The entity with the longest name in the text; none where several have that name."""
    pairs: set[Pair] = set()
    for place, text in enumerate(texts):
        found = mentions_in(text, dictionary)
        longest = max(found, key=lambda one: one.end - one.start, default=None)
        if longest and len(longest.ids) == 1:
            pairs.add((place, min(longest.ids)))
    return pairs
