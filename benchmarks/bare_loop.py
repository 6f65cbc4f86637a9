"""The embedder alone: texts as a JSON list on standard input, texts per second on output."""

from __future__ import annotations

import json
import sys
import time

from actors.bootstrap import open_embedder
from actors.settings import Settings

BATCH = 512


def main() -> None:
    texts: list[str] = json.load(sys.stdin)
    settings = Settings()
    embedder = open_embedder(settings, sessions=settings.embedder.import_sessions)
    embedder.embed(texts[:64])
    started = time.perf_counter()
    for at in range(0, len(texts), BATCH):
        embedder.embed(texts[at : at + BATCH])
    print(len(texts) / (time.perf_counter() - started))
    embedder.close()


if __name__ == "__main__":
    main()
