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
from .signed import SignedDelivery, WebhookSender
from .special_values import TABLE as TEST_VALUES
from .state import Verdict
from .treasury import Settlement

__all__ = [
    "TEST_VALUES",
    "Call",
    "ConnectionDropped",
    "Credential",
    "Fault",
    "FaultKind",
    "Faults",
    "Journal",
    "Limits",
    "Sandbox",
    "Settlement",
    "SignedDelivery",
    "Verdict",
    "WebhookSender",
    "running",
    "serve",
]
