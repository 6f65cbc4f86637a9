"""What a log line looks like."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from actors.logging import configure_logging
from actors.settings import LogSettings


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_carry_event_level_time_and_fields() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(json_lines=True), stream=stream)
    structlog.get_logger("somewhere").info("file_completed", file_id="f1")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "file_completed",
        "level": "info",
        "logger": "somewhere",
        "file_id": "f1",
    }


def test_messages_of_libraries_take_the_same_form() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(json_lines=True), stream=stream)
    logging.getLogger("library").warning("slow %s", "answer")
    assert json.loads(stream.getvalue())["event"] == "slow answer"


def test_events_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="warning"), stream=stream)
    structlog.get_logger().info("file_completed")
    assert stream.getvalue() == ""


def test_a_traceback_shows_no_local_variables() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream=stream)
    message_text = "secret " * 2
    try:
        raise ValueError(len(message_text))
    except ValueError:
        structlog.get_logger().exception("file_failed")
    assert "secret secret" not in stream.getvalue()


def test_the_console_shows_the_event_first_for_people() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream=stream)
    structlog.get_logger().info("file_completed", file_id="f1")
    assert "file_completed" in stream.getvalue()
    assert "file_id=f1" in stream.getvalue()
