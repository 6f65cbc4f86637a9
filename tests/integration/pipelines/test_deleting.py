"""A deletion that dies after any of its steps is taken up by the next."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from domain.models.files import ImportOptions, ProcessingStatus
from domain.models.ids import FileId
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide, csv_of

PARTS = {"files", "records", "groups", "names", "events"}
SHARED = ImportOptions(id_column="id")


class Killed(Exception):
    pass


class Life:
    """Ends after so many steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


class Mortal:
    """A store that dies with a life: after each call, and inside and after each block."""

    def __init__(self, store: Any, life: Life) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._store, name)
        if name in PARTS:
            return Mortal(member, self._life)

        def call(*arguments: Any, **options: Any) -> Any:
            result = member(*arguments, **options)
            if inspect.isawaitable(result):
                return self._after(result)
            return self._around(result) if hasattr(result, "__aenter__") else result

        return call

    async def _after(self, result: Any) -> Any:
        returned = await result
        self._life.step()
        return returned

    @asynccontextmanager
    async def _around(self, block: Any) -> AsyncIterator[Any]:
        async with block as entered:
            self._life.step()
            yield entered
        self._life.step()


async def delete_within(side: ImportSide, file_id: FileId, *, steps: int) -> bool:
    """Whether a new process ends the deletion before it has taken so many steps."""
    life = Life(steps)
    deleter = side.deleter(
        metadata=Mortal(side.metadata, life),
        objects=Mortal(side.objects, life),
        index=Mortal(side.index, life),
    )
    try:
        await deleter.run(file_id)
    except Killed:
        return False
    return True


async def deleted_soon(side: ImportSide, file_id: FileId) -> FileId:
    await side.metadata.files.transition(file_id, ProcessingStatus.DELETING)
    return file_id


async def resume(side: ImportSide) -> None:
    """What a conductor does when it starts."""
    for file_id in await side.metadata.queue.deleting(limit=10):
        await side.deleter().run(file_id)


async def a_file_to_delete(side: ImportSide, number: int) -> FileId:
    """It has records of its own, records that another file has, too, and a part in passages."""
    own = csv_of(3) + f"\nown {number},Own,Only this file has it".encode()
    return await deleted_soon(side, await side.import_at_once("shared.csv", own, SHARED))


async def conversation_to_delete(side: ImportSide, number: int) -> FileId:
    messages = [slack_message("both say it", "1.0"), slack_message(f"only {number}", "2.0")]
    export = slack_export({"general/1970-01-01": messages})
    return await deleted_soon(side, await side.import_at_once("s.zip", export))


async def left_over(side: ImportSide) -> tuple[int, int, int]:
    objects = [key async for key in side.objects.list()]
    return await side.metadata.records.count(), await side.index.count(), len(objects)


async def test_rows_that_die_anywhere_on_their_way_out_leave_nothing(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("shared.csv", csv_of(3), SHARED)
    before = await left_over(import_side)

    steps = 1
    file_id = await a_file_to_delete(import_side, steps)
    while not await delete_within(import_side, file_id, steps=steps):
        await resume(import_side)
        assert await left_over(import_side) == before, f"died after step {steps}"
        assert await import_side.problems() == [], f"died after step {steps}"
        steps += 1
        file_id = await a_file_to_delete(import_side, steps)

    assert steps > 12


async def test_conversations_that_die_anywhere_on_their_way_out_leave_nothing(
    import_side: ImportSide,
) -> None:
    kept = slack_export({"general/1970-01-01": [slack_message("both say it", "1.0")]})
    await import_side.import_file("s.zip", kept)
    before = await left_over(import_side)

    steps = 1
    file_id = await conversation_to_delete(import_side, steps)
    while not await delete_within(import_side, file_id, steps=steps):
        await resume(import_side)
        assert await left_over(import_side) == before, f"died after step {steps}"
        assert await import_side.problems() == [], f"died after step {steps}"
        steps += 1
        file_id = await conversation_to_delete(import_side, steps)

    assert steps > 12
