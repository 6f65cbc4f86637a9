"""A node for tests of the supervisor: answers /health/ready, has a child, and can be ended."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from serve_app.run_state import RunDirectory


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    data_dir = Path(os.environ["HEADRACE_DATA_DIR"])
    if (data_dir / "refuse").exists():
        sys.exit("the model is missing: prepare it")
    if (data_dir / "unusable").exists():
        RunDirectory(data_dir).keep_refusal((data_dir / "unusable").read_text())
        sys.exit(1)
    while (data_dir / "hesitate").exists():
        time.sleep(0.02)
    # Like Ray's own processes it leads a session of its own, and here it outlives its parent.
    worker = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    state = {"pid": os.getpid(), "pids": {"ingest_worker_0": worker.pid}}
    (data_dir / "run" / "node.json").write_text(json.dumps(state))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = ("127.0.0.1", int(os.environ["HEADRACE_HTTP__PORT"]))
    http.server.HTTPServer(address, Ready).serve_forever()


if __name__ == "__main__":
    main()
