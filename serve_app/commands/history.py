"""``history``: what is asked, and forgetting it."""

from __future__ import annotations

from serve_app.client import HeadraceClient
from serve_app.commands.output import Output

COLUMNS = ("times", "cached", "median ms", "slowest ms", "hits", "last asked", "query")


def show_history(
    client: HeadraceClient,
    output: Output,
    *,
    view: str,
    similar: str | None,
    days: float,
    limit: int,
) -> None:
    """A view of the history, or what was asked like ``similar``."""
    answer = (
        client.history(view=view, days=days, limit=limit)
        if similar is None
        else client.similar_queries(similar, days=days, limit=limit)
    )
    if output.as_json:
        output.json(answer)
    elif answer["queries"]:
        output.table(COLUMNS, [_row(query) for query in answer["queries"]])
    else:
        output.note("nothing of this kind was asked in that time")


def forget_history(client: HeadraceClient, output: Output, asked_by: str) -> None:
    """Remove all that somebody asked."""
    answer = client.forget_history(asked_by)
    if output.as_json:
        output.json(answer)
    else:
        output.line(f"{answer['forgotten']} queries of {asked_by} are forgotten")


def _row(query: dict[str, object]) -> tuple[str, ...]:
    return (
        str(query["times"]),
        str(query["cached"]),
        f"{query['median_ms']:.0f}",
        str(query["slowest_ms"]),
        f"{query['mean_results']:.1f}",
        str(query["last_asked_at"])[:19],
        str(query["text"]),
    )
