"""Published sets of entity resolution: people with typing errors, papers, products."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.correlation_scoring import (
    Pair,
    Row,
    cross_verdicts,
    link,
    linked,
    measured,
    one_after_another,
    pairs_between,
    pairs_within,
)
from domain.correlation import pair_up, statistics_of
from domain.models.entities import Description, EntityKind

Texts = Mapping[str, str]


def published_sets(folder: Path) -> Iterator[Row]:
    yield from _people(folder / "er-people")
    yield from _papers(folder / "er-dblp-acm")
    yield from _products(folder / "er-abt-buy")


def _people(folder: Path) -> Iterator[Row]:
    for name in ("febrl1", "febrl3"):
        rows = read_table(folder / f"{name}.csv", ",")
        truth = pairs_within(row["rec_id"].split("-")[1] for row in rows)
        people = [_febrl_person(row) for row in rows]
        yield _entities(f"er-people {name}", "records of one person", people, truth)
        keyed = [_keyed("number", row["soc_sec_id"]) for row in rows]
        yield _keys_alone(f"er-people {name}", "people by number", keyed, truth)
    rows = read_table(folder / "splink_fake_1000.csv", ",")
    truth = pairs_within(row["cluster"] for row in rows)
    people = [_splink_person(row) for row in rows]
    yield _entities("er-people splink_fake_1000", "records of one person", people, truth)
    keyed = [_keyed("email", row["email"]) for row in rows]
    yield _keys_alone("er-people splink_fake_1000", "people by address", keyed, truth)


def _entities(name: str, links: str, people: Sequence[Description], truth: set[Pair]) -> Row:
    baseline = pairs_within(one.name for one in people)
    return measured(name, links, truth, baseline, lambda: pairs_within(one_after_another(people)))


def _keys_alone(name: str, links: str, keyed: Sequence[Description], truth: set[Pair]) -> Row:
    """Links by key, of descriptions that have nothing else."""
    baseline = pairs_within(min(one.keys, default=None) for one in keyed)
    return measured(
        name, f"exact: {links}", truth, baseline, lambda: pairs_within(one_after_another(keyed))
    )


def _papers(folder: Path) -> Iterator[Row]:
    left, right = read_table(folder / "dblp.csv", "%"), read_table(folder / "acm.csv", "%")
    yield from _catalogues("er-dblp-acm", "papers", left, right, _gold(folder), _paper, "title")


def _products(folder: Path) -> Iterator[Row]:
    left, right = read_table(folder / "abt.csv", "|"), read_table(folder / "buy.csv", "|")
    yield from _catalogues("er-abt-buy", "products", left, right, _gold(folder), _product, "name")


def _catalogues(
    name: str,
    links: str,
    left: Sequence[Texts],
    right: Sequence[Texts],
    truth: set[Pair],
    described: Callable[[Texts], Description],
    title: str,
) -> Iterator[Row]:
    """Two lists without repetitions: their best pairing, and each of the left by itself."""
    ours, theirs = [described(row) for row in left], [described(row) for row in right]
    baseline = pairs_between((row[title] for row in left), (row[title] for row in right))
    yield measured(
        name, f"{links}, paired up", truth, baseline, lambda: pair_up(cross_verdicts(ours, theirs))
    )
    known = {str(place): one for place, one in enumerate(theirs)}
    statistics = statistics_of([*ours, *theirs])
    yield measured(
        name,
        f"{links}, one by one",
        truth,
        baseline,
        lambda: {(place, int(str(id))) for place, id in linked(link(ours, known, statistics))},
    )


def _febrl_person(row: Texts) -> Description:
    return described(
        EntityKind.PERSON,
        f"{row['given_name']} {row['surname']}",
        address=f"{row['street_number']} {row['address_1']} {row['address_2']}",
        city=row["suburb"],
        postcode=row["postcode"],
        region=row["state"],
        born=row["date_of_birth"],
    )


def _splink_person(row: Texts) -> Description:
    keys = {f"email:{row['email'].lower()}"} if row["email"] else set()
    name = f"{row['first_name']} {row['surname']}"
    return described(EntityKind.PERSON, name, keys, city=row["city"], born=row["dob"])


def _paper(row: Texts) -> Description:
    return described(EntityKind.DOCUMENT, row["title"], authors=row["authors"], year=row["year"])


def _product(row: Texts) -> Description:
    return described(EntityKind.PRODUCT, row["name"], description=row["description"])


def _keyed(system: str, value: str) -> Description:
    return described(EntityKind.PERSON, "", {f"{system}:{value}"} if value else set())


def described(
    kind: EntityKind, name: str, keys: set[str] | frozenset[str] = frozenset(), **facts: str
) -> Description:
    """A description without what the source leaves empty."""
    stated = {fact: text.strip() for fact, text in facts.items() if text.strip()}
    return Description(kind, frozenset(keys), name.strip() or None, stated)


def read_table(path: Path, delimiter: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
        return [{key: (text or "").strip() for key, text in row.items()} for row in rows]


def _gold(folder: Path) -> set[Pair]:
    delimiter = "|" if folder.name == "er-abt-buy" else "%"
    return {(int(row["D1"]), int(row["D2"])) for row in read_table(folder / "gt.csv", delimiter)}
