"""Logging: structlog over the standard library, set up once in every process."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from actors.settings import LogSettings

NOISY_LOGGERS = (
    *("asyncio", "faiss", "httpx", "httpcore", "multipart", "python_multipart", "urllib3"),
)
"""Libraries whose information is of no use to an operator; their warnings are kept."""


def configure_logging(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send our events and the libraries' messages to ``stream`` (standard error when absent).

    Call it first thing in every process: service, worker, replica, command line. Event names are
    constant; everything that varies is a field. A second call replaces the first.
    """
    shared = _shared_processors()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(json_lines=settings.json_lines, colors=handler.stream.isatty()),
            ],
        )
    )
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _renderers(*, json_lines: bool, colors: bool) -> list[Processor]:
    if json_lines:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Fancy tracebacks show local variables, and with them what people wrote.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
