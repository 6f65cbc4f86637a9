"""What can be known of ``infra/docker-compose.yml`` without Docker."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).parents[2] / "infra"
TEXT = (INFRA / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = sorted(SERVICES.keys() - {"bucket"})
EXAMPLE = dict(
    line.split("=", 1)
    for line in (INFRA / ".env.example").read_text("utf-8").splitlines()
    if not line.startswith("#")
)


def test_the_four_stores_are_started_and_a_bucket_is_made() -> None:
    assert set(SERVICES) == {"postgres", "weaviate", "minio", "redis", "bucket"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_has_a_full_version(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.search(r"\d+\.\d+\.\d+|RELEASE\.\d{4}-\d\d-\d\dT", tag)


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_says_whether_it_is_well(name: str) -> None:
    assert {"test", "interval", "timeout", "retries"} <= SERVICES[name]["healthcheck"].keys()


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_listens_on_this_machine_only(name: str) -> None:
    ports = SERVICES[name]["ports"]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_must_last_is_in_a_named_volume() -> None:
    mounted = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert mounted == COMPOSE["volumes"].keys() == {"postgres", "weaviate", "minio"}


def test_every_variable_has_an_example_and_no_example_is_idle() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == EXAMPLE.keys()


def test_every_example_says_that_it_is_for_this_machine_only() -> None:
    secrets = {name: value for name, value in EXAMPLE.items() if name != "MINIO_BUCKET"}
    assert [name for name, value in secrets.items() if not value.startswith("local-only")] == []


def test_the_encryption_key_has_its_32_bytes() -> None:
    assert len(b64decode(EXAMPLE["MINIO_KMS_SECRET_KEY"].partition(":")[2])) == 32


def test_the_guide_s_credentials_are_the_example_s() -> None:
    guide = (INFRA / "README.md").read_text("utf-8")
    told = {EXAMPLE[name] for name in EXAMPLE if name != "MINIO_KMS_SECRET_KEY"}
    assert [value for value in told if value not in guide] == []
