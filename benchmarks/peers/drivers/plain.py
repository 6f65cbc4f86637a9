"""Sentence Transformers and FAISS without anything around them: exact search, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
from sentence_transformers import SentenceTransformer

from benchmarks.peers.drivers.job import Index, Job, Search, run


def load(job: Job) -> Index:
    model = SentenceTransformer(job.model, device="cpu", model_kwargs={"dtype": job.dtype})

    def index(texts: Sequence[str]) -> Search:
        vectors = faiss.IndexFlatIP(model.get_sentence_embedding_dimension())
        vectors.add(
            model.encode(
                list(texts),
                batch_size=job.batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        )

        def search(query: str) -> Sequence[int]:
            asked = model.encode([query], normalize_embeddings=True, show_progress_bar=False)
            found: list[int] = vectors.search(asked, 10)[1][0].tolist()
            return found

        return search

    return index


if __name__ == "__main__":
    run(load)
