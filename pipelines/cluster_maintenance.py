"""``Maintenance`` from a process that has neither the model for importing nor the writer."""

from __future__ import annotations

from actors.index_writer import ActorIndexWriter
from domain.models.indexes import IndexPlace
from pipelines.maintenance import Recipe
from pipelines.ray_calls import living_worker, translated
from pipelines.repairing import RepairReport


class ClusterMaintenance:
    """``Maintenance`` by the first import worker and the index writer."""

    async def repair(self) -> RepairReport:
        worker = await living_worker(0)
        report: RepairReport = await translated(worker.repair.remote(), "the repair")
        return report

    async def probe(self, recipe: Recipe) -> IndexPlace:
        worker = await living_worker(0)
        place: IndexPlace = await translated(worker.probe.remote(recipe), "import worker 0")
        return place

    async def remove(self, place: IndexPlace) -> None:
        await ActorIndexWriter().remove(place)
