"""Which task an algorithm gets: inside the program or on the host, by where its environment is."""

from __future__ import annotations

from typing import Any

from descend.agents.host import HostEnvironment
from descend.agents.off_policy import OffPolicy
from descend.agents.on_host import HostOffPolicy, HostOnPolicy
from descend.agents.on_policy import OnPolicy


def off_policy(algorithm: Any, environment: Any, *given: Any) -> OffPolicy:
    """The task that acts once and learns once in this environment."""
    on_host = isinstance(environment, HostEnvironment)
    return (HostOffPolicy if on_host else OffPolicy)(algorithm, environment, *given)


def on_policy(algorithm: Any, environment: Any, *given: Any) -> OnPolicy:
    """The task that walks, then learns in this environment."""
    on_host = isinstance(environment, HostEnvironment)
    return (HostOnPolicy if on_host else OnPolicy)(algorithm, environment, *given)
