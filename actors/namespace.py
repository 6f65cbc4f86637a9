"""Where the named actors of an installation are found."""

from __future__ import annotations

NAMESPACE = "headrace"
