"""``python -m benchmarks.conversations ZIP TSV``: do passages keep conversations together?

The messages of the Slack export belong to the conversations that the table names (``channel``,
``ts``, ``conversation``; gzipped). Together: how many messages share a passage with the one before
in their conversation. Pure: how many neighbours in a passage are of one conversation.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from pathlib import Path

from benchmarks.chunking import groups_of, messages_of
from domain.models.ids import RecordId, derive_group_id
from domain.models.records import Record
from domain.passages import PassageLimits, compose

Pairs = set[tuple[RecordId, RecordId]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversations", description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    records = list(messages_of(arguments.export))
    gold = _conversations(arguments.table, records)
    following = _pairs(_by_conversation(gold).values())
    print(f"{len(gold)} messages, {len(set(gold.values()))} conversations\n")
    print("| pause | tokens | passages | messages in one | together | pure |")
    print("|---|---|---|---|---|---|")
    for gap in (300.0, 900.0, 3600.0, inf):
        for tokens in (100, 200):
            limits = PassageLimits(max_tokens=tokens, gap_seconds=gap)
            passages = list(_passages(records, limits, gold))
            inside = [pair for passage in passages for pair in pairwise(passage)]
            sharing = {pair for passage in passages for pair in _all_pairs(passage)}
            pure = sum(gold[left] == gold[right] for left, right in inside) / len(inside)
            together = len(following & sharing) / len(following)
            size = sum(map(len, passages)) / len(passages)
            row = (f"{gap / 60:g} min", tokens, len(passages), f"{size:.1f}")
            print("| {} | {} | {} | {} |".format(*row), f"{together:.3f} | {pure:.3f} |")


def _conversations(table: Path, records: Iterable[Record]) -> dict[RecordId, str]:
    """In order of time; messages that the table does not name are left out."""
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()[1:]
    named = {(channel, ts): name for channel, ts, name in (line.split("\t") for line in lines)}
    keys = {
        record.record_id: (
            str(record.metadata["channel"]).removeprefix("#"),
            record.native_id.rpartition(":")[2],
        )
        for record in sorted(records, key=lambda record: record.native_id)
    }
    return {record_id: named[key] for record_id, key in keys.items() if key in named}


def _by_conversation(gold: Mapping[RecordId, str]) -> dict[str, list[RecordId]]:
    found: dict[str, list[RecordId]] = {}
    for record_id, name in gold.items():
        found.setdefault(name, []).append(record_id)
    return found


def _pairs(sequences: Iterable[Sequence[RecordId]]) -> Pairs:
    return {pair for sequence in sequences for pair in pairwise(sequence)}


def _all_pairs(passage: Sequence[RecordId]) -> Iterable[tuple[RecordId, RecordId]]:
    return ((left, right) for n, left in enumerate(passage) for right in passage[n + 1 :])


def _passages(
    records: Sequence[Record], limits: PassageLimits, gold: Mapping[RecordId, str]
) -> Iterable[list[RecordId]]:
    for key, members in groups_of(records).items():
        for chunk in compose(derive_group_id("slack", key), members, model="m", limits=limits):
            yield [one.record_id for one in chunk.members if one.record_id in gold]


if __name__ == "__main__":
    main()
