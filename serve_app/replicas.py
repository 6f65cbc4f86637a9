"""How many API replicas Ray Serve keeps. Knows nothing of Ray."""

from __future__ import annotations

from typing import Any

REQUESTS_PER_REPLICA = 8
"""A replica that works on more at a time keeps each of them waiting for its one interpreter."""

LOOK_BACK_SECONDS, SECONDS_BEFORE_MORE, SECONDS_BEFORE_FEWER = 20.0, 10.0, 120.0
"""A new replica takes seconds to start, and one that ends takes open connections with it."""


def replicas(most: int) -> dict[str, Any]:
    """Options of a deployment: one replica, or up to ``most`` as requests under way ask for.

    Serve hears of requests every ten seconds.
    """
    if most == 1:
        return {"num_replicas": 1}
    return {
        "autoscaling_config": {
            "min_replicas": 1,
            "max_replicas": most,
            "target_ongoing_requests": REQUESTS_PER_REPLICA,
            "look_back_period_s": LOOK_BACK_SECONDS,
            "upscale_delay_s": SECONDS_BEFORE_MORE,
            "downscale_delay_s": SECONDS_BEFORE_FEWER,
        }
    }
