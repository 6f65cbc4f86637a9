"""Which files are imported first."""

from __future__ import annotations

from domain.models.files import ImportOptions, Priority


def priority_of(options: ImportOptions, size_bytes: int, *, bulk_bytes: int) -> Priority:
    """What the uploader says; else large files and jobs are bulk, all others interactive."""
    if options.priority is not None:
        return options.priority
    is_bulk = options.as_job or size_bytes > bulk_bytes
    return Priority.BULK if is_bulk else Priority.INTERACTIVE
