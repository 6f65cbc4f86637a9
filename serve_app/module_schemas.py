"""What requests and responses about modules look like on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from domain.models.modules import Activation, Module, ModuleKind, ModuleState, Step
from pipelines.reparsing import Reparsed
from serve_app.schemas import Name, RequestModel, ResponseModel


class CheckModel(ResponseModel):
    name: str
    ok: bool
    detail: str


class ModuleModel(ResponseModel):
    kind: ModuleKind
    name: str
    version: str
    state: ModuleState = Field(description="`active` is used for new work.")
    is_built_in: bool
    locator: str = Field(description="`package.module:ClassName`")
    wheel: str | None = Field(description="The file that brought it.")
    sha256: str | None = Field(description="Of the wheel.")
    error: str | None = Field(description="Why it may not be activated, or cannot be loaded.")
    checks: list[CheckModel] = Field(description="What the last self-test has seen.")
    added_at: datetime | None
    validated_at: datetime | None
    activated_at: datetime | None

    @staticmethod
    def of(module: Module) -> ModuleModel:
        return ModuleModel(
            kind=module.key.kind,
            name=module.key.name,
            version=module.key.version,
            state=module.state,
            is_built_in=module.is_built_in,
            locator=module.locator,
            wheel=module.wheel,
            sha256=module.sha256,
            error=module.error,
            checks=[CheckModel(name=c.name, ok=c.ok, detail=c.detail) for c in module.checks],
            added_at=module.added_at,
            validated_at=module.validated_at,
            activated_at=module.activated_at,
        )


class ModuleList(ResponseModel):
    modules: list[ModuleModel]


class ActivateRequest(RequestModel):
    version: Name = Field(description="The built-in's version leads back to the built-in.")


class ActivationModel(ResponseModel):
    kind: ModuleKind
    name: str
    version: str | None = Field(description="What is in use now; null is the built-in, or nothing.")
    is_disabled: bool
    step: Step
    at: datetime

    @staticmethod
    def of(activation: Activation) -> ActivationModel:
        return ActivationModel(
            kind=activation.kind,
            name=activation.name,
            version=activation.version,
            is_disabled=activation.is_disabled,
            step=activation.step,
            at=activation.at,
        )


class ReparseRequest(RequestModel):
    parser: Name = Field(examples=["slack"])
    below: Name = Field(examples=["2.1"], description="Versions before this one.")


class ReparseResponse(ResponseModel):
    files: list[UUID] = Field(description="Files that are read again.")
    busy: list[UUID] = Field(description="Files that were not finished; ask again later.")

    @staticmethod
    def of(reparsed: Reparsed) -> ReparseResponse:
        return ReparseResponse(files=list(reparsed.replayed), busy=list(reparsed.busy))
