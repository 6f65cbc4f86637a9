"""Under which address a workspace's messages are read in Slack; no index file says so."""

from __future__ import annotations

import re
from collections import Counter

from domain.errors import UnreadableFileError
from domain.parsers.slack_export import Export, ExportIndex
from domain.parsers.zip_reading import ArchiveEntry, SafeZip

_SAMPLED_DAYS = 400
_SAMPLED_BYTES = 64 * 1024
_WHOLE_BYTES = 1024**2
_OWN_LINK = re.compile(
    rb"https:\\?/\\?/([a-z0-9-]+(?:\.enterprise)?)\.slack\.com\\?/(?:files|services|team|archives\\?/([A-Z0-9]+))"
)
_SLACK_HOST = b".slack.com"
_SERVICE_HOSTS = frozenset({b"api", b"app", b"files", b"join", b"my", b"status", b"www"})
_ORGANISATION = b".enterprise"


def workspace_urls(export: Export, index: ExportIndex) -> dict[str, str]:
    """Addresses by the folder that lists the conversations, by the links in their messages.

    Links to a workspace's files, people and services count, and those to channels of the export:
    people also link elsewhere. A sample of the days, spread over the export, is enough for most
    votes. A Grid's workspace that has none is read under its organisation's address.
    """
    votes: dict[str, Counter[bytes]] = {}
    days = list(export.days.values())
    for day in days[:: max(1, len(days) // _SAMPLED_DAYS)]:
        root = index.conversation(day.root, day.folder).root
        heard = votes.setdefault(root, Counter())
        content = beginning(export.archive, day.entry, _SAMPLED_BYTES)
        # Finding the host alone is many times faster than the whole link's pattern.
        links = _OWN_LINK.findall(content) if _SLACK_HOST in content else ()
        for host, channel in links:
            is_own = not channel or index.roots.get(channel.decode()) == root
            if is_own and host not in _SERVICE_HOSTS:
                heard[host] += 1
    everywhere = sum(votes.values(), Counter[bytes]())
    organisation = Counter({h: n for h, n in everywhere.items() if h.endswith(_ORGANISATION)})
    found = {root: heard or organisation for root, heard in votes.items()}
    return {root: _url(hosts) for root, hosts in found.items() if hosts}


def beginning(archive: SafeZip, entry: ArchiveEntry, size: int) -> bytes:
    """An entry's first bytes; none of one that cannot be read."""
    try:
        if entry.size_bytes <= _WHOLE_BYTES:
            return archive.read(entry)[:size]
        with archive.open(entry) as stream:
            return stream.read(size)
    except UnreadableFileError:
        return b""


def _url(votes: Counter[bytes]) -> str:
    return f"https://{votes.most_common(1)[0][0].decode()}.slack.com"
