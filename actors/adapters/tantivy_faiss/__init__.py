"""The search index of the embedded profile: words by tantivy, vectors by FAISS."""
