"""The linking stage: records that are new or changed become mentions, identities and entities."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from domain.correlating.statistics import tokens_of
from domain.errors import RetryableError
from domain.gathering import associate, gather
from domain.mentions.extracting import mentions_of
from domain.mentions.names import KnownNames, name_candidates
from domain.models.entities import EntityKind, Mention
from domain.models.ids import EntityId, RecordId
from domain.models.linking import Identity, Judgement, NearLink, Queued
from domain.models.links import TokenStatistics
from domain.models.records import StoredRecord
from domain.near_linking import near_links
from domain.ports.linking import Linking, LinkingPage, MatchingPage
from domain.ports.metadata_store import MetadataStore

log = structlog.get_logger(__name__)

RECORDS_PER_PAGE = 500
IDENTITIES_PER_PAGE = 100
POLL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 10.0
MAX_ERROR_CHARS = 300


class Linker:
    """Carries the queue of what is to be linked to its end. It may lag behind imports.

    Every page is one transaction: dying anywhere leaves the page to the next run, and running
    beside itself does no harm, as only one process is in a page at a time.
    """

    def __init__(self, linking: Linking) -> None:
        self._linking = linking
        self.set_aside = 0
        """How many records and descriptions could not be linked."""

    async def drain(self) -> int:
        """Link until nothing waits; returns how many pages that took.

        Near links last: they depend on all identities, and on how common words are among them.

        Raises:
            RetryableError: the store gave no answer; call again.
        """
        pages = 0
        while await self._link_page() or await self._match_page():
            pages += 1
        return pages

    async def _link_page(self, limit: int = RECORDS_PER_PAGE) -> bool:
        """Link a page; of one that cannot be linked a smaller one, down to what is at fault."""
        queued: Sequence[Queued] = ()
        try:
            async with self._linking.linking(limit=limit) as page:
                if page is None:
                    return False
                queued = page.queued
                await _link(page)
        except RetryableError:
            raise
        except Exception as error:
            if not queued:
                raise
            if len(queued) > 1:
                return await self._link_page(len(queued) // 2)
            await self._set_aside(queued[0], error)
        return True

    async def _set_aside(self, queued: Queued, error: Exception) -> None:
        sentence = f"{type(error).__name__}: {error}".partition("\n")[0][:MAX_ERROR_CHARS]
        await self._linking.set_aside(queued, sentence)
        self.set_aside += 1
        log.error(
            "record_not_linked",
            record_id=queued.record_id,
            description_id=queued.description_id,
            error=sentence,
        )

    async def _match_page(self) -> bool:
        async with self._linking.matching(limit=IDENTITIES_PER_PAGE) as page:
            if page is None:
                return False
            near, judgements = await page.neighbours(), await page.judgements()
            statistics = await _statistics(page, near)
            links = await asyncio.to_thread(_links, page.identities, near, statistics, judgements)
            await page.keep_links(links)
            identities, among = await page.clusters()
            await page.keep_entities(identities, associate(identities, among, judgements))
        return True


class LinkingService:
    """Links whatever comes, for as long as it runs."""

    def __init__(self, metadata: MetadataStore) -> None:
        self._metadata = metadata
        self._linker = Linker(metadata.linking)

    async def run(self) -> None:
        """Work until cancelled. A store that fails is waited for."""
        backoff = POLL_SECONDS
        while True:
            try:
                await self.look()
                backoff = POLL_SECONDS
            except RetryableError as error:
                log.warning("linking_delayed", error=error.message)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
            except Exception:
                log.exception("linking_failed")
                backoff = MAX_BACKOFF_SECONDS
            await asyncio.sleep(backoff)

    async def look(self) -> None:
        """Link what waits; answers that were given before may be others now."""
        if pages := await self._linker.drain():
            await self._metadata.events.bump_generation()
            log.info("records_linked", pages=pages, set_aside=self._linker.set_aside)


async def _link(page: LinkingPage) -> None:
    candidates = await asyncio.to_thread(_candidates, page.records)
    known = await page.known_names(frozenset().union(*candidates.values()))
    mentions = await asyncio.to_thread(_mentions, page.records, candidates, known)
    await page.keep_mentions(mentions)
    descriptions, judgements = await page.connected()
    await page.keep_identities(await asyncio.to_thread(gather, descriptions, judgements))


def _candidates(records: Sequence[StoredRecord]) -> dict[RecordId, frozenset[str]]:
    return {stored.record_id: name_candidates(stored.record.content) for stored in records}


def _mentions(
    records: Sequence[StoredRecord],
    candidates: Mapping[RecordId, frozenset[str]],
    known: KnownNames,
) -> dict[RecordId, Sequence[Mention]]:
    return {
        stored.record_id: mentions_of(
            stored.record,
            stored.parser,
            {name: known[name] for name in candidates[stored.record_id] & known.keys()},
        )
        for stored in records
    }


async def _statistics(
    page: MatchingPage, near: Mapping[EntityId, Sequence[Identity]]
) -> Mapping[EntityKind, TokenStatistics]:
    tokens: dict[EntityKind, set[str]] = defaultdict(set)
    for identity in {
        identity.id: identity for identities in near.values() for identity in identities
    }.values():
        tokens[identity.kind] |= tokens_of(identity.described)
    return {kind: await page.statistics(kind, sorted(wanted)) for kind, wanted in tokens.items()}


def _links(
    identities: Sequence[Identity],
    near: Mapping[EntityId, Sequence[Identity]],
    statistics: Mapping[EntityKind, TokenStatistics],
    judgements: Sequence[Judgement],
) -> list[NearLink]:
    """Of identities that are near nobody there are no statistics, nor anything to say."""
    return [
        link
        for identity in identities
        if near[identity.id]
        for link in near_links(identity, near[identity.id], statistics[identity.kind], judgements)
    ]
