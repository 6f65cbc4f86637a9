"""How records become linked: what the linking stage reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.mentions.names import KnownNames
from domain.models.entities import EntityKind, Mention
from domain.models.ids import EntityId, RecordId
from domain.models.linking import Identity, Judgement, NearLink, Queued, StoredDescription
from domain.models.links import TokenStatistics
from domain.models.records import StoredRecord


class LinkingPage(Protocol):
    """One step of exact linking, in one transaction that only one process is in at a time."""

    @property
    def queued(self) -> Sequence[Queued]:
        """What of the queue this page is about."""
        ...

    @property
    def records(self) -> Sequence[StoredRecord]:
        """Records that are new or changed. Those that are gone have no mentions any more."""
        ...

    async def known_names(self, candidates: Collection[str]) -> KnownNames:
        """Those of the names that somebody is known by, as ``domain.near_linking.called`` has them.

        When a name becomes known, or nobody has it any more, the records whose texts may have it
        are queued again, but for what this page or a later one links anyway.
        """
        ...

    async def keep_mentions(self, mentions: Mapping[RecordId, Sequence[Mention]]) -> None:
        """What these records speak of from now on."""
        ...

    async def connected(self) -> tuple[Sequence[StoredDescription], Sequence[Judgement]]:
        """All descriptions that this page may join or part, and all decisions.

        Descriptions that nothing mentions any more are forgotten.
        """
        ...

    async def keep_identities(self, identities: Sequence[Identity]) -> None:
        """The identities that ``connected`` makes, in place of what it made before.

        What is near an identity that has changed is to be matched again.
        """
        ...


class MatchingPage(Protocol):
    """One step of near linking, in one transaction that only one process is in at a time."""

    @property
    def identities(self) -> Sequence[Identity]:
        """Identities to be matched."""
        ...

    async def neighbours(self) -> Mapping[EntityId, Sequence[Identity]]:
        """For each of the page's identities all that share a blocking key with it, and itself.

        A key that more than ``domain.near_linking.MAX_BLOCK_IDENTITIES`` have does not count.
        """
        ...

    async def judgements(self) -> Sequence[Judgement]:
        """All that people have decided."""
        ...

    async def statistics(self, kind: EntityKind, tokens: Sequence[str]) -> TokenStatistics:
        """How common the tokens are, rounded as ``domain.near_linking.rounded`` does."""
        ...

    async def keep_links(self, links: Sequence[NearLink]) -> None:
        """What matching says of the page's identities, in place of what it said before."""
        ...

    async def clusters(self) -> tuple[Sequence[Identity], Sequence[NearLink]]:
        """All identities that are, were or may be one with the page's, and their links."""
        ...

    async def keep_entities(
        self, identities: Sequence[Identity], entities: Mapping[EntityId, EntityId]
    ) -> None:
        """Of which entity each of the clusters' identities is, by the id of its first identity."""
        ...


class Linking(Protocol):
    """The queue of what is to be linked. Dying in a page leaves it as it was."""

    def linking(self, *, limit: int) -> AbstractAsyncContextManager[LinkingPage | None]:
        """The next records and descriptions; done with on a clean exit.

        ``None`` when nothing waits, or another process is at it.
        """
        ...

    def matching(self, *, limit: int) -> AbstractAsyncContextManager[MatchingPage | None]:
        """The next identities to match; done with on a clean exit. ``None`` as for ``linking``."""
        ...

    async def set_aside(self, queued: Queued, error: str) -> None:
        """Let what cannot be linked wait no more; it is kept with the error, a sentence.

        It is linked when it changes, or when it is taken up again.
        """
        ...

    async def take_up_again(self) -> int:
        """Let all that was set aside wait again; returns how much that is."""
        ...

    async def contradictions(self) -> Sequence[str]:
        """Sentences about rows of entities that contradict each other; empty when all agree."""
        ...

    async def start_over(self) -> None:
        """Forget all that linking has made, but not what people decided; queue every record."""
        ...

    async def waiting(self) -> int:
        """How many records and descriptions are not linked yet, and identities not matched.

        What was set aside does not wait.
        """
        ...
