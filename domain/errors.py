"""The one error tree: every error says what its caller should do next.

::

    HeadraceError
    ├── RetryableError            back off and try again
    │   ├── IndexUnavailableError       the search index gave no answer
    │   ├── StoreUnavailableError       the metadata store gave no answer
    │   ├── ObjectStoreUnavailableError the object store gave no answer
    │   ├── CacheUnavailableError       the cache gave no answer
    │   ├── EmbedderUnavailableError    the embedding model gave no answer
    │   ├── WorkerDiedError             the process that did the work is gone
    │   ├── WorkerUnavailableError      an import worker is (re)starting
    │   ├── ModuleUnavailableError      a module in use cannot be loaded here
    │   ├── ModelUnavailableError       the active index's model cannot be loaded here
    │   ├── IndexSwitchedError          another index is in use now; take up its model
    │   └── OverloadedError             a bounded queue is full
    ├── RecordRejectedError       set this record aside, go on with the next
    ├── FatalImportError          stop this file; what is stored stays stored
    │   ├── UnreadableFileError         no parser can read it
    │   └── LeaseLostError              another worker owns the file now
    └── RequestError              the caller asked for something impossible
        ├── NotFoundError
        ├── ConflictError
        ├── InvalidQueryError
        ├── InvalidUploadError
        ├── InvalidModuleError
        ├── NotPermittedError
        └── DimensionMismatchError
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HeadraceError(Exception):
    """Root of every error Headrace raises on purpose.

    ``message`` is a short lower-case sentence that says the fix where there is one; ``details``
    holds ids and quantities. Both survive pickling, since Ray moves errors between processes.
    """

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)


def _rebuild(kind: type[HeadraceError], message: str, details: Mapping[str, Any]) -> HeadraceError:
    return kind(message, **details)


class RetryableError(HeadraceError):
    """The same call may succeed later. ``details['retry_after_seconds']`` is a server's wish.

    ``details['breaker']`` says that no call was made, since the dependency's breaker is open.
    """


class IndexUnavailableError(RetryableError):
    """The search index gave no answer in time."""


class StoreUnavailableError(RetryableError):
    """The metadata store gave no answer in time."""


class ObjectStoreUnavailableError(RetryableError):
    """The object store gave no answer in time."""


class CacheUnavailableError(RetryableError):
    """The cache gave no answer in time."""


class EmbedderUnavailableError(RetryableError):
    """The embedding model gave no answer in time."""


class WorkerDiedError(RetryableError):
    """The process that was importing a file is gone; another may try."""


class WorkerUnavailableError(RetryableError):
    """An import worker is starting, perhaps again; nothing was given to it."""


class ModuleUnavailableError(RetryableError):
    """A module that is in use cannot be loaded in this process; the message says the fix."""


class ModelUnavailableError(RetryableError):
    """The model that embedded the active index cannot be loaded; the message says the fix."""


class IndexSwitchedError(RetryableError):
    """Another search index is in use by now; nothing was written for the one before."""


class OverloadedError(RetryableError):
    """A bounded queue is full; the work was not accepted."""


class RecordRejectedError(HeadraceError):
    """One record cannot be read; it becomes a dead letter and the import goes on."""


class FatalImportError(HeadraceError):
    """The whole file cannot go on; its status becomes ``failed`` with this message."""


class UnreadableFileError(FatalImportError):
    """The file's bytes are of no form that a parser reads; the message says the fix."""


class LeaseLostError(FatalImportError):
    """Another worker has taken the file over; whoever meets this stops without writing."""


class RequestError(HeadraceError):
    """The caller asked for something that cannot be; asking again will not help."""


class NotFoundError(RequestError):
    """No such file, record or route."""


class ConflictError(RequestError):
    """The thing exists, but its present state forbids the step."""


class InvalidQueryError(RequestError):
    """A query's text, filter or option is not understood."""


class InvalidUploadError(RequestError):
    """An upload's name, size or options are not acceptable."""


class InvalidModuleError(RequestError):
    """What was brought as a module is none: no such class, no name, no version."""


class NotPermittedError(RequestError):
    """A setting forbids the step; the message names it."""


class DimensionMismatchError(RequestError):
    """An embedding's length is not the index's; nothing was written."""
