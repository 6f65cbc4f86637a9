"""``python -m tests.chaos.joining_node ADDRESS``: one more Ray node on this machine.

It offers no processors, so tasks and replicas stay on the first node. ``ray start`` would not do:
it names this machine by its outer address, at which our Ray does not listen.
"""

from __future__ import annotations

import sys
import time

from ray._private.node import Node
from ray._private.parameter import RayParams

OBJECT_STORE_BYTES = 100 * 1024 * 1024
WATCH_SECONDS = 0.5
LOOPBACK = "127.0.0.1"
JOINED = "the node has joined"
"""Printed once Ray knows of it."""


def main() -> int:
    """Ends when one of the node's processes has ended."""
    node = Node(
        RayParams(
            gcs_address=sys.argv[1],
            node_ip_address=LOOPBACK,
            num_cpus=0,
            num_gpus=0,
            object_store_memory=OBJECT_STORE_BYTES,
            min_worker_port=0,
            max_worker_port=0,
            include_log_monitor=False,
        ),
        head=False,
        shutdown_at_exit=True,
        spawn_reaper=True,
    )
    print(JOINED, flush=True)
    while not node.dead_processes():
        time.sleep(WATCH_SECONDS)
    return 1


if __name__ == "__main__":
    sys.exit(main())
