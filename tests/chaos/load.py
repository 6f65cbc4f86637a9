"""People at work while things break: one uploads files, one asks questions."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from random import Random

import httpx

from domain.file_states import FINAL_STATUSES
from tests.chaos.world import World

UNFINISHED_FILES = 4
SMALL_ROWS, LARGE_ROWS = (20, 200), (6_000, 9_000)
LARGE_EVERY = 60
PAUSE_SECONDS = 0.1
ASK_SECONDS = 0.25
_HALLS, _PUMPS = 13, 97


def rows_of(name: str, rows: int) -> bytes:
    """A file of rows that no other file has."""
    lines = (
        json.dumps(
            {
                "title": f"{name} {number}",
                "text": f"Pump {number % _PUMPS} in hall {number % _HALLS} lost pressure, "
                f"says line {number} of {name}.",
            }
        )
        for number in range(rows)
    )
    return "\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was asked: when (monotonic seconds), how long it took, what came back.

    ``status`` is 0 where no answer came.
    """

    at: float
    seconds: float
    status: int
    is_degraded: bool = False


@dataclass
class Worker:
    """A thread that does its turns until it is told to stop; an error in a turn ends it."""

    world: World
    stopping: threading.Event = field(default_factory=threading.Event)
    is_paused: bool = False
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Raises what ended the thread, if anything did."""
        self.stopping.set()
        self.thread.join(timeout=120)
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            while not self.stopping.is_set():
                if self.is_paused:
                    self.stopping.wait(PAUSE_SECONDS)
                else:
                    self.turn()
        except BaseException as error:
            self.error = error

    def turn(self) -> None:
        raise NotImplementedError


@dataclass
class Uploader(Worker):
    """Keeps a few files under way; ``accepted`` has the rows of each file by its id."""

    random: Random = field(default_factory=Random)
    accepted: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    _open: set[str] = field(default_factory=set)
    _number: int = 0

    def turn(self) -> None:
        self._open = {file_id for file_id in self._open if not is_final(self.world, file_id)}
        if len(self._open) >= UNFINISHED_FILES:
            self.stopping.wait(PAUSE_SECONDS)
            return
        self._number += 1
        span = LARGE_ROWS if self._number % LARGE_EVERY == 0 else SMALL_ROWS
        self._open.add(self.upload(f"file-{self._number}", self.random.randint(*span)))

    def upload(self, name: str, rows: int) -> str:
        """Upload until the service has accepted the file; what it refuses is sent again."""
        content = rows_of(name, rows)
        while True:
            file_id = put(self.world, f"{name}.ndjson", content)
            if file_id:
                self.accepted[file_id] = rows
                return file_id
            self.refused += 1
            time.sleep(PAUSE_SECONDS)


@dataclass
class Asker(Worker):
    """Asks a question four times a second and notes what came back."""

    random: Random = field(default_factory=Random)
    asked: list[Question] = field(default_factory=list)

    def turn(self) -> None:
        text = (
            f"pump {self.random.randrange(_PUMPS)} lost pressure in hall "
            f"{self.random.randrange(_HALLS)}"
        )
        self.asked.append(ask(self.world, text))
        self.stopping.wait(ASK_SECONDS)

    def between(self, start: float, end: float) -> list[Question]:
        return [question for question in self.asked if start <= question.at <= end]


def ask(world: World, text: str) -> Question:
    at = time.monotonic()
    try:
        answer = world.http.post(f"{world.url}/v1/query", json={"query": text}, timeout=10)
    except httpx.HTTPError:
        return Question(at, time.monotonic() - at, 0)
    is_degraded = answer.status_code == 200 and bool(answer.json()["degraded"])
    return Question(at, time.monotonic() - at, answer.status_code, is_degraded)


def put(world: World, filename: str, content: bytes) -> str | None:
    """The id of the accepted file; ``None`` when it was not accepted."""
    answer = sent(world, filename, content)
    if answer is not None and answer.status_code == 202:
        return str(answer.json()["id"])
    return None


def sent(world: World, filename: str, content: bytes) -> httpx.Response | None:
    """The answer to an upload, if it is the service's own: not a gateway's, and not none.

    Raises:
        AssertionError: it is none that tells a caller to come back.
    """
    try:
        answer = world.http.put(f"{world.url}/v1/files/{filename}", content=content, timeout=30)
    except httpx.HTTPError:
        return None
    if "json" not in answer.headers.get("content-type", ""):
        return None
    is_expected = answer.status_code == 202 or answer.status_code >= 429
    assert is_expected, f"upload answered {answer.status_code}: {answer.text[:300]}"
    return answer


def status_of(world: World, file_id: str) -> str | None:
    """The file's status, if the service answers."""
    try:
        answer = world.http.get(f"{world.url}/v1/files/{file_id}", timeout=10)
        return str(answer.json()["status"]) if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None


def is_final(world: World, file_id: str) -> bool:
    return status_of(world, file_id) in FINAL_STATUSES
