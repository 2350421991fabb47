"""A local stand-in for the Blaaiz platform: an ASGI app with state, rate limits, faults and a journal.

It is written from the contract and shares no model with the client, so that each can catch the other's mistakes.
"""

from .app import Sandbox
from .connection import ConnectionDropped
from .faults import Fault, FaultKind, Faults
from .journal import Call, Journal
from .limits import Limits
from .oauth import Credential
from .server import running, serve
from .state import Verdict

__all__ = [
    "Call",
    "ConnectionDropped",
    "Credential",
    "Fault",
    "FaultKind",
    "Faults",
    "Journal",
    "Limits",
    "Sandbox",
    "Verdict",
    "running",
    "serve",
]
