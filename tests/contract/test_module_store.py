"""Contract of the module store: states, activations, and the way back."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import ConflictError, NotFoundError
from domain.models.modules import ModuleKey, ModuleKind, ModuleState, Step
from domain.ports.metadata_store import MetadataStore
from domain.ports.modules import ModuleStore
from tests.module_builders import a_module

PARSER = ModuleKind.PARSER


@pytest.fixture
def modules(metadata_store: MetadataStore) -> ModuleStore:
    return metadata_store.modules


def slack(version: str) -> ModuleKey:
    return ModuleKey(PARSER, "slack", version)


async def with_versions(modules: ModuleStore, *versions: str) -> None:
    for version in versions:
        await modules.put(a_module("slack", version))


async def active(modules: ModuleStore, kind: ModuleKind = PARSER) -> list[str]:
    return [module.key.label for module in (await modules.chosen(kind)).active]


async def states(modules: ModuleStore) -> dict[str, str]:
    return {module.key.version: module.state for module in await modules.list()}


async def test_a_module_that_passed_is_validated(modules: ModuleStore) -> None:
    kept = await modules.put(a_module())
    assert kept.state is ModuleState.VALIDATED
    assert await modules.get(kept.key) == kept


async def test_one_that_failed_is_added_with_its_error(modules: ModuleStore) -> None:
    kept = await modules.put(a_module(ok=False))
    assert (kept.state, kept.error) == (ModuleState.ADDED, "read: it loses records")


async def test_one_that_failed_cannot_be_activated(modules: ModuleStore) -> None:
    kept = await modules.put(a_module(ok=False))
    with pytest.raises(ConflictError, match="it loses records"):
        await modules.activate(kept.key)
    assert await active(modules) == []


async def test_what_is_unknown_cannot_be_had_or_activated(modules: ModuleStore) -> None:
    with pytest.raises(NotFoundError):
        await modules.get(slack("9"))
    with pytest.raises(NotFoundError, match="modules list"):
        await modules.activate(slack("9"))


async def test_the_same_code_again_takes_over_the_new_checks(modules: ModuleStore) -> None:
    await modules.put(a_module(sha256="a"))
    again = await modules.put(a_module(sha256="a", ok=False))
    assert (again.state, again.error) == (ModuleState.ADDED, "read: it loses records")


async def test_other_code_under_a_validated_version_is_refused(modules: ModuleStore) -> None:
    await modules.put(a_module(sha256="a"))
    with pytest.raises(ConflictError, match="higher version"):
        await modules.put(a_module(sha256="b"))


async def test_other_code_replaces_what_never_passed(modules: ModuleStore) -> None:
    await modules.put(a_module(sha256="a", ok=False))
    mended = await modules.put(a_module(sha256="b"))
    assert (mended.state, mended.sha256) == (ModuleState.VALIDATED, "b")


async def test_a_test_of_what_is_in_use_leaves_it_in_use(modules: ModuleStore) -> None:
    await modules.put(a_module())
    await modules.activate(slack("2.0"))
    assert (await modules.put(a_module(ok=False))).state is ModuleState.ACTIVE


async def test_activating_takes_the_place_of_what_was_active(modules: ModuleStore) -> None:
    await with_versions(modules, "2.0", "2.1")
    await modules.activate(slack("2.0"))
    await modules.activate(slack("2.1"))
    assert await active(modules) == ["slack/2.1"]
    assert await states(modules) == {"2.0": "validated", "2.1": "active"}


async def test_every_change_moves_the_generation_and_a_repeat_does_not(
    modules: ModuleStore,
) -> None:
    await with_versions(modules, "2.0")
    seen = [await modules.generation()]
    await modules.activate(slack("2.0"))
    seen.append(await modules.generation())
    await modules.activate(slack("2.0"))
    assert await modules.generation() == seen[1] > seen[0]
    assert (await modules.chosen(PARSER)).generation == seen[1]


async def test_rollback_goes_back_step_by_step_to_the_built_in(modules: ModuleStore) -> None:
    await with_versions(modules, "2.0", "2.1")
    await modules.activate(slack("2.0"))
    await modules.activate(slack("2.1"))
    assert (await modules.rollback(PARSER, "slack")).version == "2.0"
    assert await active(modules) == ["slack/2.0"]
    back = await modules.rollback(PARSER, "slack")
    assert (back.version, back.is_disabled, back.step) == (None, False, Step.ROLLED_BACK)
    assert await active(modules) == []
    with pytest.raises(ConflictError, match="nothing was in use"):
        await modules.rollback(PARSER, "slack")


async def test_what_was_never_swapped_cannot_be_rolled_back(modules: ModuleStore) -> None:
    with pytest.raises(ConflictError):
        await modules.rollback(PARSER, "slack")


async def test_after_a_rollback_the_next_activation_leads_back_to_where_it_was(
    modules: ModuleStore,
) -> None:
    await with_versions(modules, "2.0", "2.1")
    await modules.activate(slack("2.0"))
    await modules.rollback(PARSER, "slack")
    await modules.activate(slack("2.1"))
    assert (await modules.rollback(PARSER, "slack")).version is None


async def test_disabling_leaves_nothing_in_use_and_rollback_undoes_it(
    modules: ModuleStore,
) -> None:
    await with_versions(modules, "2.0")
    await modules.activate(slack("2.0"))
    await modules.disable(PARSER, "slack")
    assert (await modules.chosen(PARSER)).disabled == {"slack"}
    assert await states(modules) == {"2.0": "disabled"}
    await modules.rollback(PARSER, "slack")
    assert (await modules.chosen(PARSER)).disabled == frozenset()
    assert await active(modules) == ["slack/2.0"]


async def test_a_built_in_can_be_disabled_and_brought_back(modules: ModuleStore) -> None:
    first = await modules.disable(PARSER, "csv")
    assert await modules.disable(PARSER, "csv") == first
    assert (await modules.activate_built_in(PARSER, "csv")).version is None
    assert (await modules.chosen(PARSER)).disabled == frozenset()


async def test_kinds_do_not_meet(modules: ModuleStore) -> None:
    storage = await modules.put(a_module("slack", kind=ModuleKind.STORAGE))
    await modules.activate(storage.key)
    assert await active(modules) == []
    assert await active(modules, ModuleKind.STORAGE) == ["slack/2.0"]


async def test_the_history_tells_every_step_newest_first(modules: ModuleStore) -> None:
    await with_versions(modules, "2.0")
    await modules.activate(slack("2.0"))
    await modules.disable(PARSER, "slack")
    await modules.rollback(PARSER, "slack")
    steps = [entry.step for entry in await modules.history(PARSER, "slack", limit=10)]
    assert steps == [Step.ROLLED_BACK, Step.DISABLED, Step.ACTIVATED]


async def test_activations_at_the_same_time_leave_one_in_use(modules: ModuleStore) -> None:
    versions = [f"2.{n}" for n in range(5)]
    await with_versions(modules, *versions)
    await asyncio.gather(*(modules.activate(slack(version)) for version in versions))
    (entry, *_) = history = await modules.history(PARSER, "slack", limit=10)
    assert await active(modules) == [f"slack/{entry.version}"]
    assert len(history) == 5


async def test_an_error_of_loading_is_shown(modules: ModuleStore) -> None:
    await modules.put(a_module())
    await modules.note_error(slack("2.0"), "gone\x00")
    assert (await modules.get(slack("2.0"))).error == "gone\ufffd"
