"""The process in which a module is tested: ``python -m actors.modules.probe RESULT``.

What to test comes as JSON on standard input; what was seen is written to the file RESULT. The
module may crash, hang or eat: this process then ends without a result, and nobody else does.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from actors.modules.loading import load_object
from domain.errors import HeadraceError, InvalidModuleError
from domain.models.modules import Check, ModuleKind
from domain.parsers.self_test import NAME, Sample, test_parser
from domain.storage_self_test import test_storage
from domain.versions import parse_version


def main(result: Path, order: dict[str, Any]) -> None:
    """Test what the order names, within its limits; write down what was seen."""
    _limit(resource.RLIMIT_CPU, order["seconds"])
    _limit(resource.RLIMIT_AS, order["memory_bytes"])
    try:
        seen = asyncio.run(_test(order))
    except HeadraceError as error:
        seen = {"error": error.message}
    result.write_text(json.dumps(seen), "utf-8")


async def _test(order: dict[str, Any]) -> dict[str, Any]:
    directory = Path(order["directory"]) if order["directory"] else None
    module = load_object(order["locator"], directory)
    name, version = str(getattr(module, "name", "")), str(getattr(module, "version", ""))
    if not NAME.match(name):
        raise InvalidModuleError(f"the module's name {name!r} is not 1 to 50 of a-z, 0-9, '_', '-'")
    parse_version(version)
    checks = await _checks(order, module)
    return {
        "name": name,
        "version": version.strip(),
        "checks": [asdict(check) for check in checks],
    }


async def _checks(order: dict[str, Any], module: Any) -> list[Check]:
    if order["kind"] == ModuleKind.STORAGE:
        return await test_storage(module, f"headrace-self-test/{uuid4().hex}")
    samples = [
        Sample(name, await asyncio.to_thread(Path(path).read_bytes))
        for name, path in order["samples"]
    ]
    return await test_parser(module, samples)


def _limit(kind: int, value: float) -> None:
    amount = max(1, int(value))
    _, hard = resource.getrlimit(kind)
    bound = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (bound, bound))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin))
