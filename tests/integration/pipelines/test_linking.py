"""Links follow imports and deletions, whatever comes first."""

from __future__ import annotations

import orjson
import pytest

from domain.models.entities import EntityKind
from domain.models.search import EVERYTHING
from pipelines.linking import LinkingService
from tests.builders import slack_export, slack_message, slack_user
from tests.gong_builders import extensive, party, transcript
from tests.integration.pipelines.conftest import ImportSide

ADA = slack_user("U1", "ada", profile={"display_name": "ada", "email": "ada@tarnbeck.example"})
FILES = {
    "slack.zip": slack_export({"general/2023-11-14": [slack_message("hello")]}, users=[ADA]),
    "calls.json": orjson.dumps([extensive(parties=[party()])]),
    "talk.json": orjson.dumps([transcript()]),
}


async def people(side: ImportSide) -> list[tuple[str | None, tuple[str, ...], int]]:
    """Who has a name, with their keys and how many records speak of them."""
    await LinkingService(side.metadata).look()
    found = await side.metadata.entities.find(
        None, kinds=[EntityKind.PERSON], limit=9, scope=EVERYTHING
    )
    return [(one.name, one.keys, one.records) for one in found]


@pytest.mark.parametrize(
    "order",
    [
        ("slack.zip", "calls.json", "talk.json"),
        ("talk.json", "calls.json", "slack.zip"),
        ("talk.json", "slack.zip", "calls.json"),
    ],
)
async def test_files_link_to_files_that_came_before_and_after(
    import_side: ImportSide, order: tuple[str, ...]
) -> None:
    for name in order:
        await import_side.import_file(name, FILES[name])
        found = await people(import_side)
    keys = ("email:ada@tarnbeck.example", "gong-user:u1", "slack-user:U1")
    assert found == [("Ada Lovelace", keys, 3)]
    assert await import_side.problems() == []


async def test_a_deleted_file_takes_its_mentions_away(import_side: ImportSide) -> None:
    reports = {name: await import_side.import_file(name, FILES[name]) for name in FILES}
    await people(import_side)

    await import_side.delete(reports["calls.json"].file.file_id)

    keys = ("email:ada@tarnbeck.example", "slack-user:U1")
    assert await people(import_side) == [("ada", keys, 1)]
    assert await import_side.problems() == []


async def test_linking_lets_answers_be_given_anew(import_side: ImportSide) -> None:
    await import_side.import_file("slack.zip", FILES["slack.zip"])
    before = await import_side.metadata.events.generation()
    service = LinkingService(import_side.metadata)
    await service.look()
    linked = await import_side.metadata.events.generation()
    await service.look()
    assert before < linked == await import_side.metadata.events.generation()


async def test_a_repair_links_anew_what_does_not_agree(import_side: ImportSide) -> None:
    await import_side.import_file("slack.zip", FILES["slack.zip"])
    before = await people(import_side)
    await import_side.metadata.linking._database.fetch(  # type: ignore[attr-defined]
        "DELETE FROM entity_keys"
    )

    report = await import_side.repair()

    assert report.repaired == {"entities_started_over": 1}
    assert await people(import_side) == before


async def test_a_repair_tries_again_what_could_not_be_linked(import_side: ImportSide) -> None:
    await import_side.import_file("slack.zip", FILES["slack.zip"])
    database = import_side.metadata.linking._database  # type: ignore[attr-defined]
    await database.fetch("ALTER TABLE descriptions ADD CONSTRAINT refused CHECK (kind = '')")
    assert await people(import_side) == []
    await database.fetch("ALTER TABLE descriptions DROP CONSTRAINT refused")

    report = await import_side.repair()

    assert report.repaired == {"linked_again": 1}
    assert [name for name, *_ in await people(import_side)] == ["ada"]
