"""A search index of one machine that is a candidate for the embedded profile (ADR 31).

Words by tantivy, vectors by FAISS, both in process. It is measured here beside LanceDB and
pgvector, and fulfils what the port asked for when it was written; it takes LanceDB's place once
it fulfils the rest.
"""
