"""What questions, answers and blended rankings look like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from domain.models.analysis import IdentifierKind
from domain.models.search import SearchMode
from pipelines.querying import MAX_LIMIT
from pipelines.understanding import MAX_QUERY_CHARS
from serve_app.blending import Blending, Fusion, Weight
from serve_app.entity_schemas import RelatedEntityModel
from serve_app.schemas import JsonObject, Moment, Name, RequestModel, ResponseModel

Text = Annotated[StrictStr, Field(min_length=1, max_length=MAX_QUERY_CHARS)]
Limit = Annotated[StrictInt, Field(ge=1, le=MAX_LIMIT)]


class SearchRequest(RequestModel):
    """What to look for, and where."""

    query: Text = Field(examples=["who asked about the renewal price?"])
    sources: list[Name] = Field([], max_length=50, examples=[["slack"]])
    content_types: list[Name] = Field([], max_length=50, examples=[["message"]])
    since: Moment | None = Field(None, description="Inclusive.")
    until: Moment | None = Field(None, description="Exclusive.")
    filters: dict[Name, StrictStr | StrictInt | StrictBool | float] = Field(
        {},
        max_length=50,
        description="Equality with a metadata entry, or membership where the entry is a list.",
        examples=[{"channel": "sales"}],
    )
    entity: UUID | None = Field(None, description="Only records that speak of this entity.")
    mode: SearchMode = SearchMode.HYBRID
    plain: StrictBool = Field(
        False, description="Take the query as it is written: no phrases, no operators."
    )
    time_zone: Name = Field(
        "UTC",
        description="Of whom asks, by its IANA name: which day `after:yesterday` means.",
        examples=["Europe/Berlin"],
    )


class QueryRequest(SearchRequest, Blending):
    """What is left open about blending is as the service's settings say."""

    limit: Limit = 10
    cursor: Annotated[StrictStr, Field(min_length=1, max_length=1_000)] | None = Field(
        None, description="`next_cursor` of an answer to the same request: the hits after its own."
    )
    explain: StrictBool = Field(False, description="Say how each score came about.")
    fusion: Fusion | None = Field(None, description="How the legs' rankings become one.")
    weights: dict[Literal["vector", "keyword", "identifier"], Weight] = Field(
        {}, description="How much each leg counts.", examples=[{"vector": 1.0, "keyword": 0.5}]
    )


class NamedQuery(SearchRequest):
    name: Name = Field(description="What ``weights`` and contributions call it.")


class RankedItem(RequestModel):
    id: Name
    score: Annotated[float, Field(allow_inf_nan=False)] = Field(
        0.0, description="The ranking's own, higher is better; `rrf` does not look at it."
    )
    source_type: Name = "unknown"
    timestamp: Moment | None = Field(None, description="For `recency`.")


class BlendRequest(Blending):
    """Either ``queries`` to be asked, or ``rankings`` (each best first) that the caller has.

    A ranking named ``identifier`` stands before all others.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "queries": [
                        {"name": "chat", "query": "renewal price", "sources": ["slack"]},
                        {"name": "crm", "query": "renewal price", "sources": ["csv"]},
                    ],
                    "method": "rrf",
                    "weights": {"chat": 1.0, "crm": 0.5},
                },
                {"rankings": {"mine": [{"id": "a"}, {"id": "b"}], "theirs": [{"id": "b"}]}},
            ]
        }
    )

    queries: list[NamedQuery] = Field([], max_length=10)
    rankings: dict[Name, Annotated[list[RankedItem], Field(max_length=1_000)]] = Field(
        {}, max_length=10
    )
    method: Fusion = Fusion.RRF
    weights: dict[Name, Weight] = Field({}, description="How much each query or ranking counts.")
    rank_constant: StrictInt = Field(
        60, ge=1, le=10_000, description="The greater, the less first places count in `rrf`."
    )
    limit: Limit = 10
    explain: StrictBool = Field(True, description="Say how each score came about.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.queries) == bool(self.rankings):
            raise ValueError("name either queries or rankings")
        if len({query.name for query in self.queries}) < len(self.queries):
            raise ValueError("the names of the queries must differ")
        return self


class ContributionModel(ResponseModel):
    leg: str = Field(description="The leg, query or ranking, or what else has moved the hit.")
    rank: int | None = Field(description="From 1; none for what has no ranking.")
    raw_score: float
    weight: float
    addend: float


class Explanation(ResponseModel):
    """The addends sum up to the hit's score."""

    contributions: list[ContributionModel]


class RecordSpan(ResponseModel):
    """A part of a record's content: its characters from ``start`` to before ``end``."""

    record_id: UUID
    start: int
    end: int


class HitModel(ResponseModel):
    id: UUID = Field(description="The chunk that was found.")
    score: float
    content: str = Field(description="The chunk's text.")
    snippet: str
    title: str | None
    author: str | None
    source_type: str
    content_type: str
    timestamp: datetime | None
    url: str | None
    file_id: UUID
    record_id: UUID = Field(description="Of a passage the record that fits the query best.")
    records: list[RecordSpan] = Field(description="What the content is made of, in order.")
    metadata: JsonObject
    thread: str | None = None
    folded: int = Field(0, description="Hits left out because they say the same.")
    explain: Explanation | None = None
    related: list[RelatedEntityModel] = Field(
        [], description="What the record speaks of: people, accounts, deals, cases, calls."
    )


class IdentifierModel(ResponseModel):
    kind: IdentifierKind
    written: str
    spellings: list[str] = Field(description="All that count as the identifier.")


class AnalysisModel(ResponseModel):
    """What was understood of the query's text."""

    text: str = Field(description="What is looked for, once operators are taken out.")
    phrases: list[str]
    excluded: list[str]
    authors: list[str]
    places: list[str]
    sources: list[str]
    content_types: list[str]
    since: datetime | None = Field(description="Inclusive.")
    until: datetime | None = Field(description="Exclusive.")
    identifiers: list[IdentifierModel]
    newest_first: bool = Field(description="Whether there was nothing to look for but filters.")


class QueryResponse(ResponseModel):
    hits: list[HitModel]
    took_ms: float
    cached: bool
    degraded: bool = Field(description="Whether something is missing that is named beside it.")
    degraded_legs: list[str] = Field(description="Legs that gave no answer in time.")
    unavailable: list[str] = Field(description="Dependencies that were away.")
    stages_ms: Mapping[str, float] | None = Field(None, description="With ``explain`` only.")
    analysis: AnalysisModel | None = Field(None, description="With ``explain`` only.")
    next_cursor: str | None = Field(None, description="Leads to the next hits, if there are more.")
    index_changed: bool = Field(
        False,
        description="Whether the index is another than for the page before: hits may come twice, "
        "or be passed over.",
    )


class BlendedItem(ResponseModel):
    id: str = Field(description="The ranked item's id, or the record's for queries.")
    score: float
    contributions: list[ContributionModel] | None = Field(
        None, description="With ``explain``; their addends sum to the score."
    )
    hit: HitModel | None = Field(None, description="What was found, for queries.")


class BlendResponse(ResponseModel):
    ranking: list[BlendedItem]
    degraded: bool
    degraded_legs: list[str] = Field(description="As ``query name:leg``.")
    unavailable: list[str] = Field(description="Dependencies that were away.")
