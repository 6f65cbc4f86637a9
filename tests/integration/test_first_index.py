"""The first start: which model and which index belong together from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.adapters.postgres.store import PostgresMetadataStore
from actors.bootstrap import ensure_active_index, open_index
from actors.settings import EmbedderSettings, Settings
from domain.errors import DimensionMismatchError


def with_dimension(data_dir: Path, dimension: int) -> Settings:
    embedder = EmbedderSettings(backend="hash", hash_dimension=dimension)
    return Settings(data_dir=data_dir, embedder=embedder)


async def test_after_a_refusal_for_another_dimension_the_right_one_can_be_set(
    metadata_store: PostgresMetadataStore, tmp_path: Path
) -> None:
    right, wrong = with_dimension(tmp_path, 8), with_dimension(tmp_path, 16)
    index = await open_index(right, dimension=8)
    await index.close()

    with pytest.raises(DimensionMismatchError):
        await ensure_active_index(wrong, metadata_store)

    assert (await ensure_active_index(right, metadata_store)).dimension == 8
