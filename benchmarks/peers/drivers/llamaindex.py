"""LlamaIndex's IngestionPipeline into its vector store of FAISS, as its documentation shows it.

Its cache is off and it keeps no store of documents: both only cost time where every text is new.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.vector_stores import VectorStoreQuery
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.faiss import FaissVectorStore

from benchmarks.peers.drivers.job import Index, Job, Search, run

DIMENSION = 384


def load(job: Job) -> Index:
    embedding = HuggingFaceEmbedding(
        model_name=job.model,
        device="cpu",
        embed_batch_size=job.batch_size,
        model_kwargs={"dtype": job.dtype},
    )

    def index(texts: Sequence[str]) -> Search:
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(DIMENSION))
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), embedding], vector_store=store, disable_cache=True
        )
        documents = [Document(text=text, id_=str(number)) for number, text in enumerate(texts)]
        nodes = pipeline.run(documents=documents)

        def search(query: str) -> Sequence[int]:
            vector = embedding.get_query_embedding(query)
            asked = VectorStoreQuery(query_embedding=vector, similarity_top_k=10)
            found = store.query(asked).ids or []
            return [int(nodes[int(position)].ref_doc_id) for position in found]

        return search

    return index


if __name__ == "__main__":
    run(load)
