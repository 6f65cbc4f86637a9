from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from domain.errors import WorkerDiedError
from domain.ledger import Ledger
from domain.models.files import Claim, FileReport, ProcessingStatus
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore
from pipelines.conductor import ImportWorkers
from tests.integration.pipelines.conftest import ImportSide, csv_of


class MortalWorkers:
    """Workers that die, as the test decides, before they import a file in earnest."""

    def __init__(
        self,
        workers: ImportWorkers,
        metadata: MetadataStore,
        dies: Callable[[FileReport, int], bool],
    ) -> None:
        self._workers = workers
        self._metadata = metadata
        self._dies = dies
        self._attempts: Counter[FileId] = Counter()

    async def import_file(self, claim: Claim) -> None:
        self._attempts[claim.file_id] += 1
        report = await self._metadata.files.get(claim.file_id)
        if self._dies(report, self._attempts[claim.file_id]):
            raise WorkerDiedError("the worker is gone")
        await self._workers.import_file(claim)


async def test_a_file_survives_the_death_of_its_worker(import_side: ImportSide) -> None:
    import_side.wrap_workers = lambda workers: MortalWorkers(
        workers, import_side.metadata, lambda report, attempt: attempt <= 2
    )

    report = await import_side.import_file("notes.csv", csv_of(20))

    assert report.ledger == Ledger(read=20, indexed=20)


async def test_a_file_that_kills_every_worker_fails_with_a_sentence_and_others_complete(
    import_side: ImportSide,
) -> None:
    import_side.wrap_workers = lambda workers: MortalWorkers(
        workers,
        import_side.metadata,
        lambda report, attempt: report.file.filename == "poison.csv",
    )
    async with import_side.conducted():
        poison = await import_side.upload("poison.csv", csv_of(5))
        good = await import_side.upload("notes.csv", csv_of(20))

        poison_report = await import_side.finished(poison)
        good_report = await import_side.finished(good)

    assert poison_report.file.status is ProcessingStatus.FAILED
    assert "killed its worker" in (poison_report.file.error or "")
    assert good_report.file.status is ProcessingStatus.COMPLETED
