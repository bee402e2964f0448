"""Words for what runs are measured in.

Pure. Must not know where they are shown.
"""

from __future__ import annotations

_MINUTE = 60
_HOUR = 3600


def duration(value: float | None) -> str:
    """Return seconds in people's units; empty if not known."""
    if value is None:
        return ""
    if value < _MINUTE:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
