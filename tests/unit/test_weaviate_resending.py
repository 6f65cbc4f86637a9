"""What a batch does with the objects that were refused."""

from __future__ import annotations

from collections.abc import Sequence

from actors.adapters.weaviate.resending import ATTEMPTS, send_all


class Server:
    """Refuses each object as often as ``refusals`` says, and notes what it was sent."""

    def __init__(self, **refusals: int) -> None:
        self._refusals = refusals
        self.received: list[list[str]] = []

    async def send(self, objects: Sequence[str]) -> dict[int, str]:
        self.received.append(list(objects))
        refused = {}
        for place, name in enumerate(objects):
            if self._refusals.get(name, 0) > 0:
                self._refusals[name] -= 1
                refused[place] = f"{name} is refused"
        return refused


async def test_what_was_taken_is_sent_once() -> None:
    server = Server()
    assert await send_all(["a", "b"], server.send, first_wait_seconds=0) == {}
    assert server.received == [["a", "b"]]


async def test_only_what_was_refused_is_sent_again() -> None:
    server = Server(b=2, d=1)
    assert await send_all(["a", "b", "c", "d"], server.send, first_wait_seconds=0) == {}
    assert server.received == [["a", "b", "c", "d"], ["b", "d"], ["b"]]


async def test_what_stays_refused_is_named_by_its_place_in_the_whole() -> None:
    server = Server(b=1, d=ATTEMPTS)
    refused = await send_all(["a", "b", "c", "d"], server.send, first_wait_seconds=0)
    assert refused == {3: "d is refused"}
