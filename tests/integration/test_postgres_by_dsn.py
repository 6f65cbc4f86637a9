"""A PostgreSQL that a DSN names: over TLS, restarted, wrong in every way a DSN can be wrong.

The server is the wheel's, whose build has no TLS; a front gives it, as a pooler would.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from actors.adapters.postgres import database
from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore
from domain.errors import StoreUnavailableError
from tests.certificates import Certificate, a_certificate
from tests.conftest import forgo_durability, run_sql
from tests.store_builders import an_upload
from tests.tls_front import tls_front

USER, PASSWORD, HIDDEN = "reader", "p@ss/word", "p%40ss%2Fword"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A migrated server of this module's own, whose user ``reader`` needs a password."""
    with tempfile.TemporaryDirectory(prefix="headrace-pg-") as directory:
        server = EmbeddedPostgres(Path(directory))
        dsn = server.start()
        rules = Path(directory) / "postgres" / "cluster" / "pg_hba.conf"
        rules.write_text(f"local all {USER} scram-sha-256\n" + rules.read_text())
        asyncio.run(forgo_durability(dsn))
        asyncio.run(migrate(dsn))
        asyncio.run(run_sql(dsn, f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"))
        asyncio.run(run_sql(dsn, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER}"))
        asyncio.run(run_sql(dsn, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {USER}"))
        yield server
        server.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return a_certificate(tmp_path)


@pytest.fixture
async def port(server: EmbeddedPostgres, certificate: Certificate) -> AsyncIterator[int]:
    async with tls_front(socket_of(server), certificate) as port:
        yield port


def socket_of(server: EmbeddedPostgres) -> Path:
    return Path(parse_qs(urlsplit(server.dsn).query)["host"][0]) / ".s.PGSQL.5432"


def a_dsn(port: int, certificate: Certificate, **parts: str) -> str:
    """The right one, but for the parts that are given."""
    right = {
        "user": USER,
        "password": HIDDEN,
        "host": "localhost",
        "database": "headrace",
        "sslmode": "verify-full",
        "authority": str(certificate.certificate),
    }
    part = {**right, **parts}
    return (
        f"postgresql://{part['user']}:{part['password']}@{part['host']}:{port}/{part['database']}"
        f"?sslmode={part['sslmode']}&sslrootcert={part['authority']}"
    )


async def sentence_of(dsn: str) -> str:
    with pytest.raises(StoreUnavailableError) as raised:
        await PostgresMetadataStore.open(dsn)
    assert PASSWORD not in raised.value.message
    assert HIDDEN not in raised.value.message
    return raised.value.message


async def test_a_store_by_dsn_is_used_over_tls_that_is_verified(
    port: int, certificate: Certificate
) -> None:
    store = await PostgresMetadataStore.open(a_dsn(port, certificate), pool_max_size=2)
    upload = an_upload()
    await store.files.create(upload)
    assert (await store.files.get(upload.file_id)).file.filename == upload.filename
    await store.close()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        pytest.param(
            {"password": "wrong"},
            "refuses the user 'reader' with this password: correct HEADRACE_POSTGRES__DSN",
            id="password",
        ),
        pytest.param(
            {"user": "nobody"}, "does not let the user 'nobody' into the database", id="user"
        ),
        pytest.param(
            {"database": "absent"},
            "has no database 'absent': create it there by CREATE DATABASE absent",
            id="database",
        ),
        pytest.param(
            {"host": "absent.invalid"},
            "the host 'absent.invalid' of HEADRACE_POSTGRES__DSN is not known",
            id="host",
        ),
        pytest.param({"host": "127.0.0.2"}, "cannot be reached", id="address"),
        pytest.param({"authority": "/absent.crt"}, "names for TLS is not there", id="authority"),
        pytest.param(
            {"sslmode": "none"}, "HEADRACE_POSTGRES__DSN cannot be used", id="mode of TLS"
        ),
    ],
)
async def test_a_wrong_part_of_a_dsn_is_named_with_the_fix(
    port: int, certificate: Certificate, part: dict[str, str], said: str
) -> None:
    assert said in await sentence_of(a_dsn(port, certificate, **part))


async def test_a_port_where_nothing_listens_is_named(certificate: Certificate) -> None:
    said = await sentence_of(a_dsn(1, certificate))
    assert said.startswith("PostgreSQL at localhost:1 cannot be reached (")
    assert said.endswith("): start it, or correct host and port in HEADRACE_POSTGRES__DSN")


async def test_a_certificate_of_an_unknown_authority_is_refused(
    port: int, certificate: Certificate, tmp_path: Path
) -> None:
    other = a_certificate(tmp_path, host="other.invalid")
    said = await sentence_of(a_dsn(port, certificate, authority=str(other.certificate)))
    assert f"the certificate of PostgreSQL at localhost:{port} is not trusted" in said
    assert "sslrootcert=FILE" in said


async def test_a_server_without_tls_is_refused_where_tls_is_demanded(
    server: EmbeddedPostgres, certificate: Certificate
) -> None:
    async with tls_front(socket_of(server), None) as port:
        said = await sentence_of(a_dsn(port, certificate))
    assert said.endswith("speaks no TLS: let it, or correct sslmode in HEADRACE_POSTGRES__DSN")


@pytest.mark.parametrize(
    "dsn", ["mysql://u:hidden@h/d", "postgresql://u:hid/den@h:5432/d", "postgresql://u:h#@h/d"]
)
async def test_a_dsn_that_cannot_be_read_says_how_to_write_one(dsn: str) -> None:
    with pytest.raises(StoreUnavailableError, match="DSN cannot be read: write postgres") as raised:
        await PostgresMetadataStore.open(dsn)
    assert "hid" not in raised.value.message


async def test_a_user_who_may_not_set_up_the_database_is_told_the_grant(
    server: EmbeddedPostgres, port: int, certificate: Certificate
) -> None:
    await run_sql(server.dsn, "CREATE DATABASE foreign_owned")
    dsn = a_dsn(port, certificate, database="foreign_owned")
    with pytest.raises(StoreUnavailableError) as raised:
        await migrate(dsn)
    assert "ALTER DATABASE foreign_owned OWNER TO reader" in raised.value.message


async def test_a_database_that_was_not_set_up_says_so(
    server: EmbeddedPostgres, port: int, certificate: Certificate
) -> None:
    await run_sql(server.dsn, "CREATE DATABASE bare")
    assert "'headrace up' does it" in await sentence_of(a_dsn(port, certificate, database="bare"))


async def test_a_pool_whose_connections_are_all_busy_names_its_setting(
    port: int, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await PostgresMetadataStore.open(a_dsn(port, certificate), pool_max_size=1)
    monkeypatch.setattr(database, "ACQUIRE_SECONDS", 0.05)
    async with store.records.removing(an_upload().file_id, limit=1):
        with pytest.raises(StoreUnavailableError, match="HEADRACE_POSTGRES__POOL_MAX_SIZE"):
            await store.ping()
    await store.close()


async def test_after_a_restart_of_the_server_the_next_call_succeeds(
    server: EmbeddedPostgres, port: int, certificate: Certificate
) -> None:
    store = await PostgresMetadataStore.open(a_dsn(port, certificate), pool_max_size=3)
    await asyncio.gather(*(store.ping() for _ in range(3)))
    await restart(server)
    await asyncio.gather(*(store.ping() for _ in range(3)))
    await store.close()


async def test_after_a_restart_of_the_server_announcements_are_heard_again(
    server: EmbeddedPostgres, port: int, certificate: Certificate
) -> None:
    store = await PostgresMetadataStore.open(a_dsn(port, certificate), pool_max_size=3)
    await store.events.wait(timeout_seconds=30)  # it listens, and has said so
    await restart(server)
    async with asyncio.timeout(60):
        await store.events.wait(timeout_seconds=60)  # it listens again
        await store.files.create(an_upload())
        await store.events.wait(timeout_seconds=60)
    await store.close()


async def restart(server: EmbeddedPostgres) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def test_a_listener_outlives_a_password_that_is_wrong_for_a_while(
    server: EmbeddedPostgres, port: int, certificate: Certificate
) -> None:
    store = await PostgresMetadataStore.open(
        server.dsn, pool_max_size=1, listen_dsn=a_dsn(port, certificate)
    )
    await run_sql(server.dsn, f"ALTER ROLE {USER} PASSWORD 'rotated'")
    await store.events.wait(timeout_seconds=0.2)
    await run_sql(server.dsn, f"ALTER ROLE {USER} PASSWORD '{PASSWORD}'")
    async with asyncio.timeout(30):
        await store.events.wait(timeout_seconds=30)
    await store.close()


@pytest.mark.parametrize(("cache_size", "is_prepared"), [(100, True), (0, False)])
async def test_statements_are_prepared_unless_a_pooler_forbids_it(
    server: EmbeddedPostgres, cache_size: int, is_prepared: bool
) -> None:
    opened = await database.Database.open(
        server.dsn, pool_max_size=1, statement_timeout_seconds=30, statement_cache_size=cache_size
    )
    kept = await opened.fetchval("SELECT count(*) FROM pg_prepared_statements")
    await opened.close()
    assert (kept > 0) is is_prepared
