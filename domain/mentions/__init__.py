"""Which entities a record speaks of, by the keys, names and facts that it gives.

``domain.mentions.extracting.mentions_of`` is the way in; each source has a module that knows what
its parser leaves in a record's metadata.
"""
