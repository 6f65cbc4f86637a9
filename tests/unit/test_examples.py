"""The sample data is what its script writes, and its sources name each other's ids."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from typing import Any

import pytest

from examples.builder.company import load_company, salesforce_id
from examples.generate import OUTPUT, build_sample

SAMPLE = build_sample()


def _members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _messages() -> list[dict[str, Any]]:
    members = _members(SAMPLE["tarnbeck-slack-export.zip"])
    return [
        message
        for name, content in members.items()
        if "/" in name
        for message in json.loads(content)
    ]


def _rows(table: str) -> list[dict[str, str]]:
    text = SAMPLE[f"tarnbeck-{table}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_generating_twice_gives_the_same_bytes() -> None:
    assert build_sample() == SAMPLE


def test_the_folder_holds_the_generated_files_and_no_others() -> None:
    assert sorted(path.name for path in OUTPUT.iterdir()) == sorted(SAMPLE)


@pytest.mark.parametrize("name", sorted(name for name in SAMPLE if not name.endswith(".zip")))
def test_a_committed_file_is_what_the_script_writes(name: str) -> None:
    assert (OUTPUT / name).read_bytes() == SAMPLE[name]


def test_the_committed_archive_unpacks_to_what_the_script_writes() -> None:
    """Members are compared, because zlib builds differ in how they compress."""
    committed = (OUTPUT / "tarnbeck-slack-export.zip").read_bytes()
    assert _members(committed) == _members(SAMPLE["tarnbeck-slack-export.zip"])


def test_every_thread_has_as_many_replies_as_its_parent_says() -> None:
    messages = _messages()
    parents = {m["ts"]: m["reply_count"] for m in messages if m.get("thread_ts") == m["ts"]}
    replies = Counter(m["thread_ts"] for m in messages if m.get("thread_ts", m["ts"]) != m["ts"])
    assert replies == parents


def test_every_call_names_an_account_that_the_tables_hold() -> None:
    accounts = {row["Id"] for row in _rows("Account")}
    for call in json.loads(SAMPLE["tarnbeck-gong-calls.json"])["calls"]:
        ids = {item["objectId"] for entry in call["context"] for item in entry["objects"]}
        assert ids & accounts


def test_every_call_that_a_message_links_to_exists() -> None:
    calls = json.loads(SAMPLE["tarnbeck-gong-calls.json"])["calls"]
    linked = set(re.findall(r"call\?id=(\d+)", " ".join(m["text"] for m in _messages())))
    assert linked
    assert linked <= {call["metaData"]["id"] for call in calls}


def test_salesforce_ids_carry_their_check_letters() -> None:
    assert salesforce_id("001", 101) == "001Tb0000000101IAA"


def test_every_contact_works_for_an_account_of_the_same_domain() -> None:
    websites = {row["Id"]: row["Website"] for row in _rows("Account")}
    for contact in _rows("Contact"):
        assert websites[contact["AccountId"]].endswith(contact["Email"].split("@")[1])


def test_nobody_outside_the_example_domains_has_an_address() -> None:
    people = load_company()
    everybody = [*people.employees.values(), *people.contacts.values()]
    assert all(person.email.endswith(".example") for person in everybody)
