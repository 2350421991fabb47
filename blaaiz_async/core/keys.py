"""Keys that make a repeat harmless."""

import secrets
import time
from collections.abc import Callable
from uuid import UUID


def new_key(wall: Callable[[], float] = time.time) -> str:
    """Return a UUIDv7: unique, and in the order of time, which helps whoever reads a ledger."""
    milliseconds = int(wall() * 1000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)))
