"""How many API replicas Serve is asked to keep, and how many import workers there may be."""

from __future__ import annotations

import pytest

from actors.settings import IngestSettings
from serve_app.replicas import REQUESTS_PER_REPLICA, replicas


def test_one_replica_is_kept_unless_more_are_allowed() -> None:
    assert replicas(1) == {"num_replicas": 1}


def test_up_to_the_allowed_replicas_follow_the_requests_under_way() -> None:
    config = replicas(4)["autoscaling_config"]
    assert (config["min_replicas"], config["max_replicas"]) == (1, 4)
    assert config["target_ongoing_requests"] == REQUESTS_PER_REPLICA


@pytest.mark.parametrize(
    ("workers", "max_workers", "most"), [(1, 1, 1), (1, 4, 4), (3, 1, 3)], ids=str
)
def test_there_are_never_fewer_workers_than_start(
    workers: int, max_workers: int, most: int
) -> None:
    assert IngestSettings(workers=workers, max_workers=max_workers).most_workers == most
