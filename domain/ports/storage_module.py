"""What a storage module does: the interface that the specification names."""

from __future__ import annotations

from typing import Protocol


class StorageModule(Protocol):
    """Keeps bytes under keys. Made without arguments; its settings are its own affair."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    async def store(self, data: bytes, key: str) -> str:
        """Keep ``data`` under ``key``, in the place of what was there; returns the key."""
        ...

    async def retrieve(self, key: str) -> bytes:
        """The bytes. Raises an error of its own when there are none."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove them; ``False`` when there were none."""
        ...

    async def list(self, prefix: str) -> list[str]:
        """Every key that starts with ``prefix``."""
        ...
