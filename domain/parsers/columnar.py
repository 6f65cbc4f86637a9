"""Parquet and Arrow files: one record per row, by the rules of CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import JsonValue, ParsedItem, Place
from domain.parsers.cell_values import json_value
from domain.parsers.column_rules import SAMPLE_RECORDS, ColumnRules, choose_columns, columns_of
from domain.parsers.dialects import column_names
from domain.parsers.forms import Site
from domain.parsers.generic import RecordBuilder
from domain.parsers.streaming import StreamingParser
from domain.ports.parser import RATIO_FREE_BYTES, ParseContext

_PARQUET, _ENCRYPTED_PARQUET = b"PAR1", b"PARE"
_ARROW_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"
_ARROW_STREAM = b"\xff\xff\xff\xff"
_STREAM_HEAD_BYTES = 8
_ROWS_AT_A_TIME = 1000
_OVERRIDES = "text_columns, title_column, timestamp_column and id_column choose otherwise"
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError)


def looks_like_columns(head: bytes) -> bool:
    """Whether a file that begins so is Parquet or Arrow."""
    return looks_like_parquet(head) or looks_like_arrow(head)


def looks_like_parquet(head: bytes) -> bool:
    return head.startswith((_PARQUET, _ENCRYPTED_PARQUET))


def looks_like_arrow(head: bytes) -> bool:
    """An IPC file, Feather, or an IPC stream, which begins with the length of its schema."""
    if head.startswith((_ARROW_FILE, _FEATHER_1)):
        return True
    length = int.from_bytes(head[4:_STREAM_HEAD_BYTES], "little")
    return head.startswith(_ARROW_STREAM) and 0 < length < 2**24


class ParquetParser(StreamingParser):
    """Reads Parquet; slices are row groups, whose bytes are the places of their rows."""

    name = "parquet"
    version = "1"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        return looks_like_parquet(file.read(4))

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        parquet = _open_parquet(file, context)
        about = _about(parquet.schema_arrow, _first_rows(parquet), context)
        return {"format": self.name, "rows": parquet.metadata.num_rows, **about}

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        rules = self.describe(file, context)["column_rules"]
        metadata = _open_parquet(file, context).metadata
        groups, size, number = list[int](), 0, 0
        for index in range(metadata.num_row_groups):
            group_bytes = metadata.row_group(index).total_byte_size
            if groups and size + group_bytes > slice_bytes:
                yield _slice(number, groups, size, rules)
                groups, size, number = [], 0, number + 1
            groups.append(index)
            size += group_bytes
        if groups:
            yield _slice(number, groups, size, rules)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        parquet = _open_parquet(file, context)
        builder = _builder(part, context)
        for index in part.context["groups"]:
            place = _place_of(parquet.metadata.row_group(index), Site(context))
            with _as_unreadable("Parquet"):
                batches = parquet.iter_batches(_ROWS_AT_A_TIME, row_groups=[index])
                for number, values in enumerate(_rows(batches)):
                    yield builder.build(values, replace(place, ordinal=number))


class ArrowParser(StreamingParser):
    """Reads Arrow IPC files (Feather 2) and IPC streams.

    Slices are record batches of a file; a stream is one slice. A row's place is the whole file
    and its number in it.
    """

    name = "arrow"
    version = "1"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        return looks_like_arrow(file.read(_STREAM_HEAD_BYTES))

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        with _as_unreadable("Arrow"):
            reader = _open_arrow(file)
            first = next(iter(_batches(reader)), None)
            rows = [] if first is None else list(_rows([first.slice(0, SAMPLE_RECORDS)]))
            layout = "stream" if isinstance(reader, pa.RecordBatchStreamReader) else "file"
            return {"format": self.name, "layout": layout, **_about(reader.schema, rows, context)}

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        about = self.describe(file, context)
        rules, end = about["column_rules"], file.seek(0, 2)
        with _as_unreadable("Arrow"):
            reader = _open_arrow(file)
            if isinstance(reader, pa.RecordBatchStreamReader):
                yield Slice(0, 0, end, size_bytes=end, context=_cut(None, 0, rules))
                return
            groups, size, number, row, first_row = list[int](), 0, 0, 0, 0
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                if groups and size + batch.nbytes > slice_bytes:
                    context_of = _cut(groups, first_row, rules)
                    yield Slice(number, size_bytes=size, context=context_of)
                    groups, size, number, first_row = [], 0, number + 1, row
                groups.append(index)
                size += batch.nbytes
                row += batch.num_rows
            if groups:
                yield Slice(number, size_bytes=size, context=_cut(groups, first_row, rules))

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        builder, end = _builder(part, context), file.seek(0, 2)
        with _as_unreadable("Arrow"):
            batches = _batches(_open_arrow(file), part.context["groups"])
            first = part.context["first_row"]
            for ordinal, values in enumerate(_rows(batches), start=first):
                yield builder.build(values, Place(0, end, ordinal=ordinal))


@contextmanager
def _as_unreadable(what: str) -> Iterator[None]:
    try:
        yield
    except UnreadableFileError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableFileError(
            f"the {what} file is damaged or cut off; write or download it again",
            reason=str(error),
        ) from error


def _open_parquet(file: BinaryIO, context: ParseContext) -> pq.ParquetFile:
    file.seek(0)
    if file.read(4) == _ENCRYPTED_PARQUET:
        raise UnreadableFileError("the Parquet file is encrypted; write it without encryption")
    size = file.seek(0, 2)
    file.seek(0)
    with _as_unreadable("Parquet"):
        parquet = pq.ParquetFile(file)
    metadata, limits = parquet.metadata, context.limits
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    total = sum(group.total_byte_size for group in groups)
    is_large = total > limits.max_uncompressed_bytes
    # Repeated values take next to no bytes, so rows are held against the file's size, too.
    unfolded = max(total, metadata.num_rows)
    if is_large or (unfolded > RATIO_FREE_BYTES and unfolded > limits.max_ratio * size):
        raise UnreadableFileError(
            "the Parquet file unpacks to more than the limits allow: it may be a bomb; "
            "split it or raise the limits"
        )
    return parquet


def _open_arrow(file: BinaryIO) -> Any:
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    if start.startswith(_FEATHER_1):
        raise UnreadableFileError("the file is Feather of version 1; write it as version 2")
    if start == _ARROW_FILE:
        return pa.ipc.open_file(file)
    return pa.ipc.open_stream(file)


def _batches(reader: Any, numbers: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchStreamReader):
        yield from reader
        return
    for number in range(reader.num_record_batches) if numbers is None else numbers:
        yield reader.get_batch(number)


def _first_rows(parquet: pq.ParquetFile) -> list[dict[str, JsonValue]]:
    with _as_unreadable("Parquet"):
        first = next(parquet.iter_batches(SAMPLE_RECORDS), None)
        return [] if first is None else list(_rows([first]))


def _about(
    schema: pa.Schema, sample: Sequence[dict[str, JsonValue]], context: ParseContext
) -> dict[str, JsonValue]:
    columns = list(dict.fromkeys([*_unique(schema.names), *columns_of(sample)]))
    rules = choose_columns(columns, sample, context.options)
    types = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    return {
        "columns": columns,
        "types": types,
        "column_rules": rules.to_json(),
        "overrides": _OVERRIDES,
    }


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, JsonValue]]:
    """The rows' values by column; moments become texts in Arrow, which has more of them."""
    for whole in batches:
        for start in range(0, whole.num_rows, _ROWS_AT_A_TIME):
            batch = whole.slice(start, _ROWS_AT_A_TIME)
            # Arrow believes a file's offsets; one that lies would make it read foreign memory.
            batch.validate(full=True)
            columns = [_values_of(column) for column in batch.columns]
            names = _unique(batch.schema.names)
            for row in zip(*columns, strict=True):
                yield dict(zip(names, row, strict=True))


def _values_of(column: pa.Array) -> list[JsonValue]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        column = _moments(column)
    return [json_value(value) for value in column.to_pylist()]


def _moments(column: pa.Array) -> pa.Array:
    zone = getattr(column.type, "tz", None)
    if zone:
        column = pc.cast(column, pa.timestamp(column.type.unit, "UTC"))
    return pc.cast(column, pa.string())


def _unique(names: Sequence[str]) -> list[str]:
    return column_names(names, is_header=True, width=len(names))


def _builder(part: Slice, context: ParseContext) -> RecordBuilder:
    return RecordBuilder(ColumnRules.from_json(part.context["column_rules"]), Site(context))


def _slice(number: int, groups: list[int], size: int, rules: JsonValue) -> Slice:
    return Slice(number, size_bytes=size, context=_cut(groups, 0, rules))


def _cut(groups: list[int] | None, first_row: int, rules: JsonValue) -> dict[str, JsonValue]:
    return {"groups": groups, "first_row": first_row, "column_rules": rules}


def _place_of(group: pq.RowGroupMetaData, site: Site) -> Place:
    """The row group's bytes: from its first column's first page to the end of its last one's."""
    chunks = [group.column(index) for index in range(group.num_columns)]
    starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
    ends = [
        start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)
    ]
    return site.place(min(starts, default=0), max(ends, default=0))
