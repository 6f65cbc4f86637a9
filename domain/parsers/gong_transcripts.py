"""What was said in a call: a line per turn, each a segment that says who spoke, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from domain.models.records import ContentType, JsonValue, Place, Record, Segment
from domain.parsers.gong_calls import Call, default_title, default_url
from domain.parsers.gong_fields import distinct, id_field, number_field
from domain.parsers.gong_people import UNKNOWN, party_key, readers_of
from domain.parsers.slack_fields import JsonObject, objects_field, text_field
from domain.references import MOMENT, READERS, reference

UNKNOWN_SPEAKER = "Unknown speaker"
_PACE_BETWEEN_UNITS = 500
"""Characters a second. People speak 5 to 20; taken for milliseconds, seconds would be 1,000 times
faster."""
_MILLISECONDS, _SECONDS = 1000, 1


class Turn(NamedTuple):
    """What one person said without a break; ``None`` where it is not known."""

    text: str
    speaker: str
    affiliation: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    topic: str | None = None

    def facts(self) -> dict[str, JsonValue]:
        """What is known of the turn beside its text."""
        facts = zip(self._fields[1:], self[1:], strict=True)
        return {key: value for key, value in facts if value is not None}


def transcript_record(
    call_id: str,
    monologues: Sequence[JsonObject],
    call: Call | None,
    place: Place,
    source_type: str,
) -> Record | None:
    """The transcript; ``None`` if nobody said anything. Without its ``call`` it refers to it."""
    voices = _Voices(call_id, call)
    turns = list(_turns(list(_said(monologues)), voices))
    if not turns:
        return None
    content, segments = content_of(turns)
    counts: dict[str, JsonValue] = {
        "call_id": call_id,
        "turns": len(turns),
        "sentences": sum(len(objects_field(m, "sentences")) for m in monologues),
        "speakers": distinct(turn.speaker for turn in turns),
        "speaker_keys": voices.keys(),
        "topics": distinct(turn.topic or "" for turn in turns),
    }
    record = Record(
        source_type=source_type,
        native_id=f"transcript:{call_id}",
        content_type=ContentType.TRANSCRIPT,
        content=content,
        place=place,
        thread=call_id,
        metadata={key: value for key, value in counts.items() if value != []},
        segments=segments,
    )
    return _with_call(record, call) if call else of_unknown_call(record, call_id)


def _with_call(record: Record, call: Call) -> Record:
    return replace(
        record,
        title=call.shown_title,
        url=call.url,
        timestamp=call.started,
        visibility=call.visibility,
        version=call.version,
    )


def of_unknown_call(record: Record, call_id: str) -> Record:
    """The record with references to what the call, in another file, says of it.

    Until the call has come, the record has no time, and only the call's readers may see it.
    """
    awaited: dict[str, JsonValue] = {
        MOMENT: reference(f"gong:started:{call_id}", ""),
        READERS: reference(f"gong:visibility:{call_id}", readers_of(call_id)),
    }
    return replace(
        record,
        title=record.title or reference(f"gong:call:{call_id}", default_title(call_id)),
        url=reference(f"gong:url:{call_id}", default_url(call_id)),
        visibility=(readers_of(call_id),),
        metadata={**record.metadata, **awaited},
    )


def content_of(turns: Sequence[Turn]) -> tuple[str, tuple[Segment, ...]]:
    """The turns' lines, and a segment for each, line end included: they tile the content."""
    lines = [f"{turn.speaker}: {turn.text}\n" for turn in turns]
    lines[-1] = lines[-1][:-1]
    ends = list(accumulate(map(len, lines)))
    segments = [
        Segment(start, end, turn.facts())
        for turn, start, end in zip(turns, [0, *ends], ends, strict=False)
    ]
    return "".join(lines), tuple(segments)


class _Said(NamedTuple):
    """A monologue, times as they came."""

    speaker_id: str
    text: str
    topic: str | None
    start: float | None
    end: float | None


def _said(monologues: Sequence[JsonObject]) -> Iterator[_Said]:
    """The monologues with words in them; their sentences come in order of time."""
    for monologue in monologues:
        sentences = objects_field(monologue, "sentences")
        texts = [one.get("text") for one in sentences]
        words = [text.strip() for text in texts if isinstance(text, str)]
        if any(words):
            yield _Said(
                id_field(monologue, "speakerId"),
                " ".join(filter(None, words)),
                text_field(monologue, "topic") or None,
                number_field(sentences[0], "start"),
                number_field(sentences[-1], "end"),
            )


def _turns(said: Sequence[_Said], voices: _Voices) -> Iterator[Turn]:
    per_second = _units_per_second(said)
    for one in said:
        speaker, affiliation = voices.of(one.speaker_id)
        start = None if one.start is None else one.start / per_second
        end = None if one.end is None else one.end / per_second
        yield Turn(one.text, speaker, affiliation, start, end, one.topic)


class _Voices:
    """What speakers are called: by their call, else by a reference that falls back to a number."""

    def __init__(self, call_id: str, call: Call | None) -> None:
        self._call_id = call_id
        self._known: dict[str, tuple[str, str]] = {"": (UNKNOWN_SPEAKER, UNKNOWN)}
        self._parties = call.speakers if call else {}

    def of(self, speaker_id: str) -> tuple[str, str]:
        """The speaker's name and affiliation."""
        if speaker_id not in self._known:
            self._known[speaker_id] = self._named(speaker_id, len(self._known))
        return self._known[speaker_id]

    def keys(self) -> list[str]:
        """What tells the speakers so far from everybody else, in order of their first word."""
        return [self._key(speaker_id) for speaker_id in self._known if speaker_id]

    def _key(self, speaker_id: str) -> str:
        party = self._parties.get(speaker_id)
        if party:
            return party.known_as(self._call_id)
        name = f"gong:person:{self._call_id}:{speaker_id}"
        return reference(name, party_key(self._call_id, speaker_id))

    def _named(self, speaker_id: str, number: int) -> tuple[str, str]:
        party = self._parties.get(speaker_id)
        if party:
            return party.label, party.affiliation
        key = f"{self._call_id}:{speaker_id}"
        return (
            reference(f"gong:speaker:{key}", f"Speaker {number}"),
            reference(f"gong:affiliation:{key}", UNKNOWN),
        )


def _units_per_second(said: Sequence[_Said]) -> int:
    """Gong writes milliseconds, some tools seconds: told apart by how fast people would speak.

    The call's duration is not asked, because the same transcript may come without its call.
    """
    timed = [
        (one.end - one.start, len(one.text))
        for one in said
        if one.start is not None and one.end is not None and one.end > one.start
    ]
    spoken = sum(length for length, _ in timed)
    chars = sum(length for _, length in timed)
    is_too_fast = chars * _MILLISECONDS > spoken * _PACE_BETWEEN_UNITS
    return _SECONDS if spoken and is_too_fast else _MILLISECONDS
