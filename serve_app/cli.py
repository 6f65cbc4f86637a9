"""``headrace``: the command line. What the commands do stands in ``serve_app.commands``.

Their modules are imported when a command runs, so that ``--help`` and mistakes answer at once.
Exit status: 0 fine, 1 failed, 2 wrong usage, 3 no service answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from serve_app import cli_entities, cli_moving
from serve_app.cli_events import events_app
from serve_app.cli_history import history_app
from serve_app.cli_maintenance import reindex
from serve_app.cli_modules import modules_app
from serve_app.cli_options import AsJson, Column, DataDir, FileId

if TYPE_CHECKING:
    import httpx

EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="One searchable memory of what a company writes and says.",
)

app.add_typer(modules_app, name="modules")
app.add_typer(events_app, name="events")
app.add_typer(history_app, name="history")


@app.command()
def up(
    profile: Annotated[Literal["embedded", "cluster"] | None, typer.Option()] = None,
    data_dir: DataDir = None,
    port: Annotated[
        str | None, typer.Option(help="Port to listen on (8000); auto takes the next free one.")
    ] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until Ctrl-C.")] = False,
    json: AsJson = False,
) -> None:
    """Start the service."""
    from serve_app.commands import service
    from serve_app.commands.output import Output

    settings = service.settings_for(profile=profile, data_dir=data_dir, port=port)
    start = service.up_in_foreground if foreground else service.up
    start(settings, Output(as_json=json))


@app.command()
def down(data_dir: DataDir = None, json: AsJson = False) -> None:
    """Stop the service, and nothing that it did not start."""
    from serve_app.commands import service
    from serve_app.commands.output import Output

    service.down(service.settings_for(data_dir=data_dir), Output(as_json=json))


@app.command()
def status(context: typer.Context, data_dir: DataDir = None, json: AsJson = False) -> None:
    """Show whether the service runs, its components, queue and counts."""
    from serve_app.commands import service
    from serve_app.commands.output import Output

    settings = service.settings_for(data_dir=data_dir)
    service.status(settings, Output(as_json=json), transport=context.obj)


@app.command("import")
def import_(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(exists=True, metavar="PATH…", help="Files or folders.")
    ],
    source: Annotated[
        str, typer.Option(help="auto, slack, salesforce, gong, csv, json or a name of your own.")
    ] = "auto",
    text_column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Column that holds text; may be repeated."),
    ] = None,
    title_column: Column = None,
    timestamp_column: Column = None,
    id_column: Column = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until every file is imported.")] = False,
    job: Annotated[
        bool,
        typer.Option("--job", help="Each file as a Ray Data job on all cores, as large ones are."),
    ] = False,
    priority: Annotated[
        Literal["interactive", "bulk"] | None,
        typer.Option(help="Whether it goes before others; bulk for more than one file."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Delete earlier files of the same name, once all is found."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Parse, count and estimate here; store and send nothing."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring files and folders in, and account for every record."""
    from domain.models.files import ImportOptions, Priority
    from serve_app.commands import dry_running, importing
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    options = ImportOptions(
        source=None if source == "auto" else source,
        text_columns=tuple(text_column) if text_column else None,
        title_column=title_column,
        timestamp_column=timestamp_column,
        id_column=id_column,
        as_job=job,
        priority=Priority(priority) if priority else None,
        replaces=replace,
    )
    if dry_run:
        dry_running.dry_run_paths(paths, options, Output(as_json=json))
        return
    with connect(context.obj) as client:
        importing.import_paths(client, Output(as_json=json), paths, options, wait=wait)


@app.command()
def query(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="A question, or words.")],
    source: Annotated[list[str] | None, typer.Option(help="Only from; may be repeated.")] = None,
    content_type: Annotated[
        list[str] | None, typer.Option(help="message, transcript, record or document.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="2026-03-31 or 2026-03-31T09:30Z.")] = None,
    until: Annotated[str | None, typer.Option(help="The same; not included.")] = None,
    filter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Equality with metadata.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="ID", help="Only what speaks of this entity.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 10,
    mode: Annotated[Literal["hybrid", "vector", "keyword"], typer.Option()] = "hybrid",
    explain: Annotated[
        bool, typer.Option("--explain", help="What was understood; how each score came about.")
    ] = False,
    cursor: Annotated[
        str | None, typer.Option(help="The next hits: what the answer before has printed.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Take the text as it is: no phrases, no operators.")
    ] = False,
    time_zone: Annotated[
        str | None, typer.Option(help="Of after:yesterday and the like; UTC, or Europe/Berlin.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Ask a question across all sources; docs/searching.md has the operators."""
    from serve_app.commands import querying
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    request = {
        "query": text,
        "sources": source,
        "content_types": content_type,
        "since": since,
        "until": until,
        "filters": querying.parse_filters(filter or []),
        "entity": entity,
        "limit": limit,
        "mode": mode,
        "explain": explain,
        "cursor": cursor,
        "time_zone": time_zone,
        "plain": plain,
    }
    with connect(context.obj) as client:
        querying.query(client, Output(as_json=json), request)


@app.command()
def files(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The newest only; all when left out.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List the imported files with their ledgers."""
    from serve_app.commands.connection import connect
    from serve_app.commands.files import list_files
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        list_files(client, Output(as_json=json), limit=limit)


@app.command("file")
def file_(context: typer.Context, id: FileId, json: AsJson = False) -> None:
    """Show one file: status, ledger, progress, what was found, what failed."""
    from serve_app.commands.connection import connect
    from serve_app.commands.files import show_file
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        show_file(client, Output(as_json=json), id)


@app.command()
def delete(context: typer.Context, id: FileId, json: AsJson = False) -> None:
    """Delete a file and the records that only it supplied."""
    from serve_app.commands.connection import connect
    from serve_app.commands.files import delete_file
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        delete_file(client, Output(as_json=json), id)


@app.command()
def replay(
    context: typer.Context,
    id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="As 'headrace files' shows it.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Every file that failed, or has dead letters.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Import a finished file's stored bytes again; what has not changed costs next to nothing."""
    from serve_app.commands.connection import connect
    from serve_app.commands.files import replay_failed, replay_file
    from serve_app.commands.output import Output

    if (id is None) is not failed:
        raise typer.BadParameter("give either the ID of a file or --failed")
    with connect(context.obj) as client:
        if id is None:
            replay_failed(client, Output(as_json=json))
        else:
            replay_file(client, Output(as_json=json), id)


@app.command()
def verify(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is safe to mend, then look again.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Prove that store, metadata, index and ledger agree."""
    from serve_app.commands import files, maintaining
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        (maintaining.repair if repair else files.verify)(client, Output(as_json=json))


app.command()(reindex)

app.command()(cli_entities.entities)
app.command()(cli_entities.entity)
app.command()(cli_entities.split_entity)
app.command()(cli_entities.join_entities)


for command in (cli_moving.backup, cli_moving.restore, cli_moving.migrate):
    app.command()(command)


@app.command()
def reparse(
    context: typer.Context,
    parser: Annotated[str, typer.Option(metavar="NAME", help="Whose records, such as slack.")],
    below: Annotated[str, typer.Option(metavar="VERSION", help="Read by versions before this.")],
    json: AsJson = False,
) -> None:
    """Read stored files again that an older version of a parser has read."""
    from serve_app.commands import modules
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        modules.reparse(client, Output(as_json=json), parser=parser, below=below)


@app.command("eval")
def eval_(
    context: typer.Context,
    judged: Annotated[
        Path,
        typer.Argument(
            exists=True,
            metavar="DIR|FILE",
            help="A folder with corpus.jsonl.gz, queries.jsonl and qrels.tsv, or a file of "
            "questions and record ids.",
        ),
    ],
    json: AsJson = False,
) -> None:
    """Measure search quality: of a BEIR-style folder by itself, or of pairs by the service."""
    from serve_app.commands.output import Output

    output = Output(as_json=json)
    if judged.is_dir():
        from serve_app.commands.evaluating import evaluate_folder

        evaluate_folder(judged, output)
    else:
        from serve_app.commands.connection import connect
        from serve_app.commands.judging import evaluate_pairs

        with connect(context.obj) as client:
            evaluate_pairs(client, judged, output)


def main(
    arguments: Sequence[str] | None = None, *, transport: httpx.BaseTransport | None = None
) -> None:
    """Run a command and exit with its status; errors go to standard error, with the fix."""
    from domain.errors import HeadraceError

    try:
        app(arguments, obj=transport, prog_name="headrace")
    except HeadraceError as error:
        print(f"headrace: {error.message}", file=sys.stderr)
        sys.exit(exit_status_of(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except ValueError as error:
        _explain_settings(error)


def exit_status_of(error: Exception) -> int:
    """2 for what the caller wrote wrong, 3 where nothing answers, else 1."""
    from domain.errors import InvalidQueryError
    from serve_app.client import ServiceRefused, ServiceUnreachable

    if isinstance(error, ServiceUnreachable):
        return EXIT_UNREACHABLE
    is_wrong_usage = isinstance(error, InvalidQueryError) or (
        isinstance(error, ServiceRefused) and error.details.get("status") == 422
    )
    return EXIT_USAGE if is_wrong_usage else EXIT_FAILED


def _explain_settings(error: ValueError) -> None:
    """Name the variables that are wrong; any other error is ours and is raised again."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        raise error
    for problem in error.errors():
        variable = "HEADRACE_" + "__".join(str(part) for part in problem["loc"]).upper()
        said = problem["msg"].removeprefix("Value error, ")
        print(f"headrace: {variable}: {said[:1].lower()}{said[1:]}", file=sys.stderr)
    sys.exit(EXIT_USAGE)


if __name__ == "__main__":
    main()
