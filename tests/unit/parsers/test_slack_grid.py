"""Exports of an Enterprise Grid: several workspaces, some channels in more than one."""

from __future__ import annotations

from typing import Any

from domain.models.records import Record
from domain.parsers.slack import SlackParser
from tests.builders import described, records_in, slack_channel, slack_message, slack_user, zip_of

PARSER = SlackParser()
TS = "1700000000.000100"
DAY = "2023-11-14.json"


def records_of(members: dict[str, Any]) -> list[Record]:
    return records_in(PARSER, zip_of(members), source_type="slack")


def workspace(name: str, channel: Any, *messages: Any, file: str = "channels.json") -> Any:
    folder = f"teams/{name}/"
    return {
        f"{folder}{file}": [channel],
        f"{folder}{channel['name']}/{DAY}": list(messages) or [slack_message()],
    }


def test_a_channel_of_several_workspaces_is_one_conversation() -> None:
    shared = slack_channel("C1", "all")
    records = records_of({**workspace("a", shared), **workspace("b", shared)})
    assert [r.native_id for r in records] == [f"C1:{TS}", f"C1:{TS}"]
    assert records[0].content_hash() == records[1].content_hash()


def test_a_private_channel_of_several_workspaces_is_seen_by_the_members_of_all() -> None:
    ours = slack_channel("C1", "deal", members=["U1"])
    theirs = slack_channel("C1", "deal", members=["U2", "U1"])
    first, second = records_of(
        {
            **workspace("a", ours, file="groups.json"),
            **workspace("b", theirs, file="groups.json"),
        }
    )
    assert first.visibility == second.visibility == ("slack:user:U1", "slack:user:U2")


def test_different_channels_that_share_an_id_take_no_message_from_each_other() -> None:
    records = records_of(
        {
            **workspace("a", slack_channel("C1", "one"), slack_message("first")),
            **workspace("b", slack_channel("C1", "two"), slack_message("second")),
        }
    )
    assert [r.native_id for r in records] == [f"a/C1:{TS}", f"b/C1:{TS}"]
    assert [r.group for r in records] == ["a/C1:2023-11-14", "b/C1:2023-11-14"]


def test_a_channel_that_the_organisation_lists_otherwise_keeps_its_own_id() -> None:
    members = {
        "channels.json": [slack_channel("C1", "one")],
        f"one/{DAY}": [slack_message("first")],
        **workspace("b", slack_channel("C1", "two"), slack_message("second")),
    }
    assert [r.native_id for r in records_of(members)] == [f"C1:{TS}", f"b/C1:{TS}"]


def test_channels_that_nobody_lists_are_told_apart_by_their_workspace() -> None:
    members = {f"teams/{name}/general/{DAY}": [slack_message()] for name in ("a", "b")}
    records = records_of({"org_users.json": [slack_user()], **members})
    assert [r.native_id for r in records] == [f"a/general:{TS}", f"b/general:{TS}"]


def test_a_record_names_its_workspace() -> None:
    (record,) = records_of(workspace("a", slack_channel()))
    assert record.metadata["workspace"] == "a"


def test_direct_messages_lie_beside_the_workspaces() -> None:
    direct = {"id": "D1", "members": ["U1", "U2"]}
    records = records_of(
        {
            "dms.json": [direct],
            f"D1/{DAY}": [slack_message()],
            **workspace("a", slack_channel()),
        }
    )
    assert records[0].visibility == ("slack:user:U1", "slack:user:U2")


def test_people_are_known_by_the_id_of_the_organisation_too() -> None:
    user = slack_user("U1", "ada", enterprise_user={"id": "W1"})
    members = workspace("a", slack_channel(), slack_message(user="W1"))
    (record,) = records_of({"org_users.json": [user], **members})
    assert record.author == "ada"


def linking(host: str, kind: str = "services/B1") -> Any:
    return slack_message(f"<https://{host}.slack.com/{kind}>")


def test_permalinks_lead_to_the_workspace_of_the_channel() -> None:
    records = records_of(
        {
            **workspace("a", slack_channel("C1", "one"), linking("acme-a")),
            **workspace("b", slack_channel("C2", "two"), linking("acme-b")),
        }
    )
    assert [r.url for r in records] == [
        "https://acme-a.slack.com/archives/C1/p1700000000000100",
        "https://acme-b.slack.com/archives/C2/p1700000000000100",
    ]


def test_a_link_to_another_workspaces_channel_is_no_vote_for_its_address() -> None:
    records = records_of(
        {
            **workspace("a", slack_channel("C1", "one"), linking("acme-b", "archives/C2")),
            **workspace("b", slack_channel("C2", "two")),
        }
    )
    assert [r.url for r in records] == [None, None]


def test_a_workspace_without_links_is_read_under_its_organisations_address() -> None:
    records = records_of(
        {
            **workspace("a", slack_channel("C1", "one"), linking("acme.enterprise")),
            **workspace("b", slack_channel("C2", "two")),
        }
    )
    assert records[1].url == "https://acme.enterprise.slack.com/archives/C2/p1700000000000100"


def test_the_description_names_the_workspaces() -> None:
    members = {
        **workspace("a", slack_channel("C1", "one"), linking("acme-a")),
        **workspace("b", slack_channel("C2", "two"), linking("acme-b")),
    }
    about = described(PARSER, zip_of(members))
    assert about["grid_workspaces"] == ["a", "b"]
    assert about["workspace"] == ["https://acme-a.slack.com", "https://acme-b.slack.com"]
