"""Repair and reindex over REST."""

from __future__ import annotations

from domain.models.indexes import IndexPlace
from tests.integration.api.conftest import Api

CSV = b"id,body\n1,one thing\n2,another thing\n"
PLACE = IndexPlace("hash-384", 384, "", {"backend": "hash"})


async def lose_everything(api: Api) -> None:
    index = api.services.index
    await index.delete([chunk async for page in index.chunk_ids() for chunk in page])


async def test_a_repair_says_what_it_has_mended(api: Api) -> None:
    await api.import_file("notes.csv", CSV)
    await lose_everything(api)

    answer = (await api.client.post("/v1/verify/repair")).json()

    assert answer == {
        "ok": True,
        "repaired": {"records_embedded": 2},
        "waiting": {},
        "problems": [],
    }
    assert (await api.client.get("/v1/verify")).json()["ok"]


async def test_another_model_is_asked_for_and_shown_while_it_is_built(api: Api) -> None:
    await api.services.metadata.indexes.register(PLACE)

    answer = await api.client.post("/v1/reindex", json={"model": "hash:64"})

    assert answer.status_code == 202
    states = {one["model"]: one["state"] for one in answer.json()["indexes"]}
    assert states == {"hash-384": "active", "hash-64": "building"}


async def test_building_can_be_cancelled_and_what_is_there_dropped(api: Api) -> None:
    await api.services.metadata.indexes.register(PLACE)
    await api.client.post("/v1/reindex", json={"model": "hash:64"})

    cancelled = (await api.client.delete("/v1/reindex")).json()
    dropped = (await api.client.post("/v1/reindex/drop-old")).json()

    assert [one["state"] for one in cancelled["indexes"]] == ["active", "retired"]
    assert dropped == {"dropped": ["hash-64"]}


async def test_a_model_that_nobody_knows_is_refused(api: Api) -> None:
    answer = await api.client.post("/v1/reindex", json={"model": "tarot:cards"})

    assert answer.status_code == 422
    assert "tarot" in answer.json()["detail"]


async def test_the_model_in_use_is_not_built_again(api: Api) -> None:
    await api.services.metadata.indexes.register(PLACE)

    answer = await api.client.post("/v1/reindex", json={"model": "hash"})

    assert answer.status_code == 409


async def test_the_status_says_where_the_settings_name_another_model(api: Api) -> None:
    await api.services.metadata.indexes.register(PLACE)

    status = (await api.client.get("/v1/status")).json()

    assert status["model"] == "hash-384"
    assert "headrace reindex" in status["model_note"]
