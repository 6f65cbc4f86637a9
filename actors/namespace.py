"""Where the named actors of an installation are found, and where they live."""

from __future__ import annotations

NAMESPACE = "headrace"

ON_FIRST_NODE = {"node:__internal_head__": 0.001}
"""Resources that only Ray's first node has: what asks for them lives there, where the index's files
are, even where further nodes have joined. Import workers alone may live anywhere."""
