"""What is said of processes that come and go."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from serve_app.process_tree import named


def test_a_process_that_ended_after_it_was_listed_is_left_out() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        ended = psutil.Process(child.pid)
    assert list(named([ended, psutil.Process()]).values()) == [os.getpid()]
