"""``up``, ``down``, ``status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from actors.settings import Profile, Settings
from domain.errors import InvalidQueryError
from serve_app.addresses import is_port_free, next_free_port, url_of
from serve_app.client import HeadraceClient, ServiceUnreachable
from serve_app.commands.connection import load_settings, service_url
from serve_app.commands.output import Output, duration_text
from serve_app.launcher import (
    STEP_OF,
    live_state,
    prepare_start,
    start_service,
    stop_service,
    with_port,
)
from serve_app.run_state import Phase, RunDirectory, ServiceState
from serve_app.supervisor import supervisor_of

NEXT_COMMANDS = (
    ("headrace import PATH --wait", "bring files in"),
    ('headrace query "…"', "ask"),
    ("headrace status", "look how it is"),
    ("headrace down", "stop"),
)


def settings_for(
    *, profile: str | None = None, data_dir: Path | None = None, port: str | None = None
) -> Settings:
    """The environment's settings with what the command line says; ``auto`` finds a free port.

    Raises:
        InvalidQueryError: ``port`` is neither ``auto`` nor a port number.
    """
    settings = load_settings(data_dir, profile=Profile(profile) if profile else None)
    if port is None:
        return settings
    if port == "auto":
        host, wanted = settings.http.host, settings.http.port
        is_free = is_port_free(host, wanted)
        return settings if is_free else with_port(settings, next_free_port(host, wanted))
    if not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise InvalidQueryError(f"--port is {port!r}: give a number from 1 to 65535, or auto")
    return with_port(settings, int(port))


def up(settings: Settings, output: Output) -> None:
    """Start in the background; a running service is left as it is."""
    running = live_state(settings.data_dir)
    launched = start_service(settings, on_phase=lambda phase: show_step(output, phase))
    if output.as_json:
        output.json(
            {
                "url": launched.url,
                "pid": launched.pid,
                "data_dir": str(settings.data_dir.absolute()),
                "already_running": launched.was_running,
            }
        )
    elif running and launched.was_running:
        output.line(f"already running at {launched.url}")
    else:
        show_ready(output, settings, launched.url)


def up_in_foreground(settings: Settings, output: Output) -> None:
    """Start and stay; Ctrl-C or SIGTERM stops everything that was started."""
    running = live_state(settings.data_dir)
    if running and running.supervisor.find():
        output.line(f"already running at {running.url}")
        return
    prepare_start(settings)

    def follow(phase: Phase) -> None:
        show_step(output, phase)
        if phase is Phase.READY:
            show_ready(output, settings, url_of(settings), stop_hint="Ctrl-C")

    supervisor_of(settings, on_phase=follow).run()


def show_step(output: Output, phase: Phase) -> None:
    output.note(f"  {STEP_OF[phase]}")


def show_ready(output: Output, settings: Settings, url: str, *, stop_hint: str = "") -> None:
    """Say where the service is, and what one may do now."""
    output.line(f"Headrace is ready at {url} (data in {settings.data_dir})")
    if settings.data_dir != Settings.model_fields["data_dir"].default:
        output.line(f"  export HEADRACE_DATA_DIR={settings.data_dir.absolute()}")
    for command, purpose in NEXT_COMMANDS:
        shown = stop_hint if stop_hint and command == "headrace down" else command
        output.line(f"  {shown:<30} {purpose}")


def down(settings: Settings, output: Output) -> None:
    """Stop what ``up`` has started for this data directory; nothing to stop is no error."""
    stopped = stop_service(settings, on_phase=lambda phase: show_step(output, phase))
    if output.as_json:
        output.json({"stopped": stopped, "data_dir": str(settings.data_dir.absolute())})
    else:
        output.line("stopped" if stopped else f"nothing runs for {settings.data_dir}")


def status(
    settings: Settings, output: Output, *, transport: httpx.BaseTransport | None = None
) -> None:
    """Show the service's components, queue and counts.

    Raises:
        ServiceUnreachable: it does not answer; JSON says so on standard output, too.
    """
    url = service_url(settings)
    try:
        with HeadraceClient(url, transport=transport) as client:
            answer = client.status()
    except ServiceUnreachable as error:
        if output.as_json:
            output.json({"up": False, "url": url, "error": error.message})
        raise _with_state(settings, url) or error from error
    state = _own_state(settings, url)
    trouble = state.error if state else None
    if output.as_json:
        output.json({"up": True, "url": url, "trouble": trouble, **answer})
    else:
        _show_status(output, url, answer, trouble)


def _own_state(settings: Settings, url: str) -> ServiceState | None:
    """What the data directory says of the service, unless another one is meant."""
    state = RunDirectory(settings.data_dir).read()
    is_other = "url" in settings.model_fields_set and state is not None and state.url != url
    return None if is_other else state


def _with_state(settings: Settings, url: str) -> ServiceUnreachable | None:
    state = _own_state(settings, url)
    if state is None:
        return None
    if state.phase is Phase.FAILED:
        return ServiceUnreachable(f"the service did not start: {state.error}")
    if not state.is_live:
        return None
    step = STEP_OF[state.phase]
    if refusal := RunDirectory(settings.data_dir).refusal():
        return ServiceUnreachable(
            f"the service at {url} tries to start ({step}), the last time in vain: {refusal}"
        )
    return ServiceUnreachable(
        f"the service at {url} does not answer yet ({step}): wait a little; "
        f"its logs are in {settings.data_dir / 'logs'}"
    )


def _show_status(output: Output, url: str, answer: dict[str, Any], trouble: str | None) -> None:
    """``trouble`` is what the supervisor cannot mend by itself."""
    output.line(f"Headrace {answer['version']} is up at {url} ({answer['profile']})")
    counts = answer["files"]
    files = ", ".join(f"{count:,} {status}" for status, count in sorted((counts or {}).items()))
    rows = [
        ("data directory", answer["data_dir"]),
        ("running for", duration_text(answer["uptime_seconds"])),
        ("files", UNKNOWN if counts is None else files or "none"),
        ("queue", _queue_text(answer)),
        ("events", _events_text(answer["events"])),
        ("records", _count(answer["records"])),
        ("chunks", _count(answer["chunks"])),
    ]
    rows += [(name, answer[name]) for name in NOTED if answer.get(name)]
    for name, component in answer["components"].items():
        state = "ok" if component["ok"] else "NOT OK"
        rows.append((name, f"{state} {component.get('detail') or ''}".strip()))
    if trouble:
        rows.append(("trouble", trouble))
    for name, breaker in answer.get("breakers", {}).items():
        if breaker["state"] != "closed":
            rows.append((f"breaker {name}", _breaker_text(breaker)))
    output.table(("", ""), rows)


NOTED = ("model", "model_note")
UNKNOWN = "unknown"
"""What a store that is away would have to tell."""


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _breaker_text(breaker: dict[str, Any]) -> str:
    why = f": {breaker['reason']}" if breaker.get("reason") else ""
    if breaker["state"] == "half_open":
        return f"HALF-OPEN the next call decides{why}"
    return f"OPEN for {breaker['retry_after_seconds']:.0f} s more{why}"


def _queue_text(answer: dict[str, Any]) -> str:
    """``1,000 of 1,000 files, 4 in work, 900 bulk waiting, the oldest for 2 min 10 s``."""
    queue = answer["queue"]
    if queue is None:
        return f"{UNKNOWN} files"
    parts = [f"{answer['queue_depth']:,} of {queue['limit']:,} files"]
    if queue["in_flight"]:
        parts.append(f"{queue['in_flight']:,} in work")
    parts += [f"{count:,} {name} waiting" for name, count in queue["waiting"].items() if count]
    if queue["oldest_seconds"] is not None:
        parts.append(f"the oldest for {duration_text(queue['oldest_seconds'])}")
    return ", ".join(parts)


def _events_text(events: dict[str, Any] | None) -> str:
    if events is None:
        return UNKNOWN
    parts = [f"{events['pending']:,} pending"]
    if events["oldest_pending_seconds"] is not None:
        parts.append(f"the oldest for {duration_text(events['oldest_pending_seconds'])}")
    if events["dead"]:
        parts.append(f"{events['dead']:,} DEAD: headrace events --dead")
    return ", ".join(parts)
