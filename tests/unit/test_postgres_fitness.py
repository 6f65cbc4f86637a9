"""Which PostgreSQL servers can hold the store, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.adapters.postgres.connecting import Address
from actors.adapters.postgres.fitness import Server, require_fit
from domain.errors import StoreUnavailableError

FIT = Server(
    version=150_000,
    version_text="15.0",
    encoding="UTF8",
    is_standby=False,
    offers_vector=True,
    vector_schema=None,
)
ADDRESS = Address("db.example", 5432, "headrace", "app")


def test_version_15_with_pgvector_is_fit() -> None:
    require_fit(FIT, ADDRESS)


def test_pgvector_that_is_set_up_need_not_be_on_offer() -> None:
    require_fit(replace(FIT, offers_vector=False, vector_schema="extensions"), ADDRESS)


@pytest.mark.parametrize(
    ("server", "fix"),
    [
        pytest.param(
            replace(FIT, version=140_012, version_text="14.12"),
            "PostgreSQL at db.example:5432 is version 14.12, 15 or newer is needed: upgrade it",
            id="version",
        ),
        pytest.param(
            replace(FIT, encoding="LATIN1"), "CREATE DATABASE … ENCODING 'UTF8'", id="encoding"
        ),
        pytest.param(
            replace(FIT, is_standby=True),
            "is a standby that only reads: name the primary",
            id="standby",
        ),
        pytest.param(
            replace(FIT, offers_vector=False),
            "has no pgvector: install it on the server (Debian's package is "
            "postgresql-15-pgvector)",
            id="pgvector",
        ),
    ],
)
def test_an_unfit_server_is_told_the_fix(server: Server, fix: str) -> None:
    with pytest.raises(StoreUnavailableError) as raised:
        require_fit(server, ADDRESS)
    assert fix in raised.value.message


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:hidden@db.example:5433/d", "db.example:5433"),
        ("postgresql://u:hidden@db.example/d", "db.example"),
        ("postgresql:///d?host=/run/postgresql&port=5433&user=u", "/run/postgresql:5433"),
        ("postgresql://u:hid/den@db.example:5433/d", "this machine"),
        ("", "this machine"),
    ],
)
def test_an_address_shows_a_dsn_without_its_password(dsn: str, shown: str) -> None:
    assert str(Address.of(dsn)) == shown
