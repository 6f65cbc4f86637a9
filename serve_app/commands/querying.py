"""``query``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from domain.errors import InvalidQueryError
from serve_app.client import HeadraceClient
from serve_app.commands.output import Output

SNIPPET_CHARS = 300
LEAD_CHARS = 60


def parse_filters(filters: Sequence[str]) -> dict[str, str]:
    """``key=value`` arguments as a mapping. Raises ``InvalidQueryError``."""
    parsed = {}
    for entry in filters:
        key, sign, value = entry.partition("=")
        if not sign or not key:
            raise InvalidQueryError(f"--filter is {entry!r}: write it as name=value")
        parsed[key] = value
    return parsed


def query(client: HeadraceClient, output: Output, request: Mapping[str, Any]) -> None:
    """Ask, and show the ranked hits."""
    answer = client.query({name: value for name, value in request.items() if value})
    if output.as_json:
        output.json(answer)
    else:
        show_answer(output, request["query"], answer)


def show_answer(output: Output, text: str, answer: Mapping[str, Any]) -> None:
    """The hits for people: rank, score, where from, title, and the words that were found."""
    if analysis := answer.get("analysis"):
        output.line(understood_as(analysis))
    if not answer["hits"]:
        has_quotes = '"' in text and not answer.get("analysis")
        output.line("nothing found" + ("; --explain shows what was asked for" * has_quotes))
    for rank, hit in enumerate(answer["hits"], start=1):
        _show_hit(output, text, rank, hit)
    if answer.get("degraded"):
        missing = [*(answer.get("degraded_legs") or ()), *(answer.get("unavailable") or ())]
        output.note(f"degraded: no answer in time from {', '.join(missing or ['index'])}")
    if answer.get("stages_ms"):
        stages = answer["stages_ms"].items()
        output.line("  ".join(f"{stage} {taken:.1f} ms" for stage, taken in stages))
    if answer.get("index_changed"):
        output.note("the index has changed since the page before: hits may come twice")
    if answer.get("next_cursor"):
        output.note(f"more: --cursor {answer['next_cursor']}")
    cached = ", cached" if answer.get("cached") else ""
    output.note(f"{len(answer['hits'])} hits in {answer['took_ms']:.1f} ms{cached}")


def understood_as(analysis: Mapping[str, Any]) -> str:
    """``understood: text 'renewal', from ann, since 2026-03-09T00:00:00Z``."""
    said = [f"text {analysis['text']!r}"] if analysis["text"] else ["the newest"]
    for name, key in _SAID_IN_LISTS:
        said += [f"{name} {value!r}" for value in analysis.get(key, ())]
    said += [f"{key} {analysis[key]}" for key in ("since", "until") if analysis.get(key)]
    for one in analysis.get("identifiers", ()):
        said.append(f"{one['kind'].replace('_', ' ')} {one['spellings'][0]}")
    return f"understood: {', '.join(said)}"


_SAID_IN_LISTS = (
    *(("phrase", "phrases"), ("not", "excluded"), ("from", "authors"), ("in", "places")),
    *(("source", "sources"), ("type", "content_types")),
)


def _show_hit(output: Output, text: str, rank: int, hit: Mapping[str, Any]) -> None:
    from rich.text import Text

    head = Text.assemble(
        (f"{rank:>2}. ", "bold"),
        (f"{hit['score']:.4f}  ", "dim"),
        (origin_of(hit), "cyan"),
    )
    output.console.print(head)
    if hit.get("title") and f"{hit['title']} " not in f"{origin_of(hit)} ":
        output.console.print(Text(f"    {hit['title']}", style="bold"))
    snippet = Text(f"    {snippet_of(hit, text)}")
    if pattern := _word_pattern(text):
        snippet.highlight_regex(pattern, "bold yellow")
    output.console.print(snippet)
    if related := [entity["name"] for entity in hit.get("related") or () if entity["name"]]:
        output.console.print(Text(f"    speaks of {', '.join(related)}", style="dim"))
    for part in (hit.get("explain") or {}).get("contributions", []):
        place = f" rank {part['rank']}" if part["rank"] else ""
        output.line(
            f"    {part['addend']:+.4f}  {part['leg']}{place}, "
            f"raw {part['raw_score']:.4f}, weight {part['weight']:g}"
        )
    if hit.get("folded"):
        output.line(f"    {hit['folded']} more that say the same")


def origin_of(hit: Mapping[str, Any]) -> str:
    """Source, channel, author and time, as far as they are known."""
    metadata = hit.get("metadata") or {}
    channel = metadata.get("channel") or metadata.get("channel_name")
    moment = (hit.get("timestamp") or "").replace("T", " ")[:16]
    parts = [hit["source_type"], f"#{channel}" if channel else "", hit.get("author") or "", moment]
    return " · ".join(str(part) for part in parts if part)


def snippet_of(hit: Mapping[str, Any], text: str) -> str:
    """The service's snippet, else the content around the first word that was asked for."""
    content = " ".join(str(hit.get("snippet") or hit["content"]).split())
    if len(content) <= SNIPPET_CHARS:
        return content
    pattern = _word_pattern(text)
    match = re.search(pattern, content) if pattern else None
    start = max(0, match.start() - LEAD_CHARS) if match else 0
    cut = content[start : start + SNIPPET_CHARS]
    return f"{'…' if start else ''}{cut}{'…' if start + SNIPPET_CHARS < len(content) else ''}"


def _word_pattern(text: str) -> str | None:
    """Words of the question, longer than two letters, and what begins with their stem."""
    words = {word.lower() for word in re.findall(r"\w{3,}", text)} - _COMMON_WORDS
    stems = sorted({word[:-1] if len(word) > 4 else word for word in words}, key=len, reverse=True)
    return rf"(?i)\b(?:{'|'.join(map(re.escape, stems))})\w*" if stems else None


_COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        "about and are can did does for from had has have her him his how its not our she that the "
        "their them they this was were what when where which who why will with you your",
    )
)
