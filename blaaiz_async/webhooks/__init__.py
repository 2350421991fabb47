"""Verifies and reads what the platform delivers to your webhook addresses.

`verifier` decides whether a delivery is the platform's; `event` says which event it is.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.webhooks.event import Event
    from blaaiz_async.webhooks.verifier import WebhookVerifier

__all__ = ["Event", "WebhookVerifier"]

_ROOMS = {"Event": "event", "WebhookVerifier": "verifier"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
