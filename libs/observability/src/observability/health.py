"""Whether this process can do its work: named checks, run side by side, each with a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of each dependency; a detail never carries addresses or credentials."""

    checks: Mapping[str, str]

    @property
    def status(self) -> Literal["healthy", "degraded"]:
        """Healthy only when every check is."""
        return "healthy" if all(state == "healthy" for state in self.checks.values()) else "degraded"


async def check_all(checks: Mapping[str, Check], *, timeout_seconds: float = 2.0) -> Health:
    """Run the checks at once; one that raises or takes too long is unhealthy, with the kind of error as its state."""

    async def state(check: Check) -> str:
        try:
            async with asyncio.timeout(timeout_seconds):
                await check()
        except TimeoutError:
            return "unhealthy: no answer in time"
        except Exception as error:  # noqa: BLE001  # whatever a check raises is its result
            return f"unhealthy: {type(error).__name__}"
        return "healthy"

    states = await asyncio.gather(*(state(check) for check in checks.values()))
    return Health(dict(zip(checks, states, strict=True)))
