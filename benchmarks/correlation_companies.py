"""Sets of one company's records: HERB, EnterpriseBench and WorkBench."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.correlation_scoring import (
    Pair,
    Row,
    link,
    linked,
    measured,
    pairs_between,
)
from benchmarks.correlation_sets import described, read_table
from domain.correlation import NameDictionary, mentions_in, shortened
from domain.models.entities import Description, EntityKind

Json = Mapping[str, Any]

PERSON = EntityKind.PERSON


def company_sets(folder: Path) -> Iterator[Row]:
    yield from _herb(folder / "herb")
    yield from _enterprisebench(folder / "enterprisebench")
    yield from _workbench(folder / "workbench")


# HERB


def _herb(folder: Path) -> Iterator[Row]:
    employees = read_table(folder / "employees.csv", ",")
    calls = _json_lines(folder / "gong-calls.jsonl.gz")
    with zipfile.ZipFile(folder / "slack-export.zip") as export:
        channels = json.loads(export.read("channels.json"))
        users = json.loads(export.read("users.json"))
        messages = _messages(export)
    yield _herb_people_by_key(employees, users, calls, _json_lines(folder / "prs.jsonl.gz"))
    yield _herb_people_by_name(employees, channels, calls)
    yield from _herb_products(folder, messages, calls)


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
    employees: Sequence[Json], channels: Sequence[Json], calls: Sequence[Json]
) -> Row:
    """Parties of calls without address and number: by name, title, and what they are seen with.

    An employee is seen with the words of the names of the channels that they are a member of, a
    party with the words of the call's title.
    """
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for channel in channels:
        for member in channel["members"]:
            seen[member].update(_name_parts(channel["name"]))
    known = {
        row["Id"]: described(
            PERSON, row["Name"], {f"employee:{row['Id']}"}, title=row["Title"],
            context=";".join(sorted(seen[row["Id"]])),
        )
        for row in employees
    }  # fmt: skip
    parties = [
        (party, ";".join(_name_parts(call["metaData"]["title"])))
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
        _same_name(people, names),
        lambda: linked(link(people, known)),
    )


def _herb_products(
    folder: Path, messages: Mapping[str, Sequence[Json]], calls: Sequence[Json]
) -> Iterator[Row]:
    """People and customers of the channels and calls whose name or title names a product."""
    team = read_table(folder / "gold" / "product_team.tsv", "\t")
    customers = read_table(folder / "gold" / "product_customers.tsv", "\t")
    products = sorted({row["product"] for row in team})
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
        yield measured(
            "herb", links, truth, baseline(pattern), lambda pattern=pattern: found(pattern)
        )


def _herb_places(
    messages: Mapping[str, Sequence[Json]], calls: Sequence[Json], keys: re.Pattern[str]
) -> Iterator[tuple[str, set[str]]]:
    """Each channel's name and each call's title, with the keys that its records carry."""
    for channel, ones in messages.items():
        texts = (f"{one.get('user', '')} {one.get('text', '')}" for one in ones)
        yield channel, {key for text in texts for key in keys.findall(text)}
    for call in calls:
        parties = " ".join(str(party["userId"]) for party in call["parties"])
        yield call["metaData"]["title"].replace("_", " "), set(keys.findall(parties))


def _name_parts(name: str) -> list[str]:
    return list(dict.fromkeys(part for part in re.split(r"[-_ ]+", name) if part))


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


# EnterpriseBench


def _enterprisebench(folder: Path) -> Iterator[Row]:
    with zipfile.ZipFile(folder / "enterprisebench-json.zip") as archive:
        tables = {name[:-5]: json.loads(archive.read(name)) for name in archive.namelist()}
    yield _foreign_keys(tables)
    yield from _employees(tables)
    yield from _chats(tables)
    yield _accounts(tables["clients"])


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
        _same_name(authors, names),
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
        _same_name(people, {id: one.name for id, one in customers.items()}),
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


def _accounts(clients: Sequence[Json]) -> Row:
    names = {row["client_id"]: row["business_name"] for row in clients}
    texts = [row["engagement_description"] for row in clients]
    return measured(
        "enterprisebench",
        "accounts, named in the text",
        {(place, row["client_id"]) for place, row in enumerate(clients)},
        _contained(texts, names),
        lambda: _named(texts, NameDictionary((name, id) for id, name in names.items())),
    )


# WorkBench


def _workbench(folder: Path) -> Iterator[Row]:
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
        _same_name(signed, {id: one.name for id, one in known.items()}),
        lambda: linked(link(signed, known)),
    )


def _colleague(address: str) -> Description:
    name, _, host = address.partition("@")
    return described(PERSON, name.replace(".", " ").title(), {f"email:{address}"}, domain=host)


def _signature(body: str) -> str:
    """The last line; the set writes line breaks as backslash and n."""
    return body.rsplit("\\n", 1)[-1].strip()


# What the sets share


def _same_name(people: Sequence[Description], names: Mapping[str, str | None]) -> set[Pair]:
    ids = list(names)
    pairs = pairs_between((one.name for one in people), names.values())
    return {(place, ids[int(str(other))]) for place, other in pairs}


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
        ids = _ids(mentions_in(text, dictionary)) - _ids(others)
        if len(ids) == 1:
            pairs.add((place, *ids))
    return pairs


def _longest_named(texts: Sequence[str], dictionary: NameDictionary[str]) -> set[Pair]:
    """The entity with the longest name in the text; none where several have that name."""
    pairs: set[Pair] = set()
    for place, text in enumerate(texts):
        found = mentions_in(text, dictionary)
        longest = max(found, key=lambda one: one.end - one.start, default=None)
        if longest and len(longest.ids) == 1:
            pairs.add((place, *longest.ids))
    return pairs


def _ids(found: Iterable[Any]) -> set[str]:
    return {id for one in found for id in one.ids}
