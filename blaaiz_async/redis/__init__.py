"""What many processes share through Redis (extra `redis`; asyncio only).

`budget` holds the rate budget, `tokens` the token, `seen` which events were handled; `link` is the connection below the
first two, which tells when Redis is lost and found again.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.redis.budget import RedisRateBudget
    from blaaiz_async.redis.seen import RedisSeenStore
    from blaaiz_async.redis.tokens import RedisTokenStore

__all__ = ["RedisRateBudget", "RedisSeenStore", "RedisTokenStore"]

_ROOMS = {"RedisRateBudget": "budget", "RedisSeenStore": "seen", "RedisTokenStore": "tokens"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
