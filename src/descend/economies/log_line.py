"""A line of a solve's log that says how far a stage is, read again by bars and pictures."""

from __future__ import annotations

import re

LOGGED = re.compile(
    r"\s*(?P<time>[\d.]+) s  (?P<stage>[^,]+)(, seed (?P<seed>\d+))?, "
    r"(?P<done>[\d,]+) of (?P<of>[\d,]+): mean residual (?P<residual>[\d.e+-]+)"
)
