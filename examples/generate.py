"""Write the sample data anew: ``python -m examples.generate [FOLDER]``.

The same story always gives the same bytes, so the committed output can be checked against it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from examples.builder.calls import build_calls
from examples.builder.company import load_company
from examples.builder.salesforce import build_tables
from examples.builder.slack import build_export

OUTPUT = Path(__file__).parent / "tarnbeck"


def build_sample() -> dict[str, bytes]:
    """Every sample file by its name."""
    company = load_company()
    return {
        "tarnbeck-slack-export.zip": build_export(company),
        "tarnbeck-gong-calls.json": build_calls(company),
        **{f"tarnbeck-{name}": data for name, data in build_tables(company).items()},
    }


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in build_sample().items():
        (folder / name).write_bytes(content)
        print(f"{folder / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
