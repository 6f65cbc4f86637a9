"""What this machine's processor can do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def multiplies_bf16(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether it has matrix units for bf16 (Intel's AMX); ``False`` where nothing tells."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()
