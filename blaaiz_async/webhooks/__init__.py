"""Verifies and reads what the platform delivers to your webhook addresses.

`verifier` decides whether a delivery is the platform's; `reading` says which event it is; `events` has a class for each;
`receiver` is an ASGI app that hands them to your handlers, once each; `inbox` lets a call wait for one.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blaaiz_async.webhooks.event import Event, UnknownEvent, UrlKind
    from blaaiz_async.webhooks.events.crypto import (
        CryptoDepositSuccessful,
        CryptoEvent,
        CryptoPayoutEvent,
        CryptoPayoutFailed,
        CryptoPayoutProcessing,
        CryptoPayoutSuccessful,
    )
    from blaaiz_async.webhooks.events.customers import (
        AutoDepositEmailActivated,
        AutoDepositEmailBlocked,
        AutoDepositEmailEvent,
        CustomerCreated,
        CustomerEvent,
        CustomerStatusChanged,
        VirtualAccountCreated,
        VirtualAccountCredited,
        VirtualAccountEvent,
        VirtualAccountFailed,
        VirtualAccountOpening,
        VirtualAccountReady,
        VirtualAccountRefused,
        VirtualAccountRejected,
    )
    from blaaiz_async.webhooks.events.money import (
        CollectionCompleted,
        CollectionEvent,
        CollectionExpired,
        CollectionFailed,
        CollectionInitiated,
        CollectionPending,
        CollectionSource,
        CreditedAccount,
        InteracInstruction,
        PayoutCompleted,
        PayoutEvent,
        PayoutExtras,
        PayoutFailed,
        PayoutInitiated,
        PayoutProcessing,
        PayoutRecipient,
        RefundEvent,
        RefundFinished,
        RefundInitiated,
        RefundOutcome,
        SettledCollection,
        SettledPayout,
    )
    from blaaiz_async.webhooks.events.signa import (
        SignaEvent,
        SignaIdGrant,
        SignaIdGrantRevoked,
        SignaSessionCompleted,
        SignaSessionDeadline,
        SignaSessionExpired,
        SignaSessionResult,
    )
    from blaaiz_async.webhooks.events.union import AnyEvent
    from blaaiz_async.webhooks.handling import Handlers
    from blaaiz_async.webhooks.inbox import Inbox
    from blaaiz_async.webhooks.reading import read_event
    from blaaiz_async.webhooks.receiver import WebhookApp, webhook_app
    from blaaiz_async.webhooks.seen import Claim, MemorySeenStore, SeenStore
    from blaaiz_async.webhooks.sqlite import DeliveryQueue, SqliteSeenStore, Waiting
    from blaaiz_async.webhooks.verifier import WebhookVerifier

__all__ = [
    "AnyEvent",
    "AutoDepositEmailActivated",
    "AutoDepositEmailBlocked",
    "AutoDepositEmailEvent",
    "Claim",
    "CollectionCompleted",
    "CollectionEvent",
    "CollectionExpired",
    "CollectionFailed",
    "CollectionInitiated",
    "CollectionPending",
    "CollectionSource",
    "CreditedAccount",
    "CryptoDepositSuccessful",
    "CryptoEvent",
    "CryptoPayoutEvent",
    "CryptoPayoutFailed",
    "CryptoPayoutProcessing",
    "CryptoPayoutSuccessful",
    "CustomerCreated",
    "CustomerEvent",
    "CustomerStatusChanged",
    "DeliveryQueue",
    "Event",
    "Handlers",
    "Inbox",
    "InteracInstruction",
    "MemorySeenStore",
    "PayoutCompleted",
    "PayoutEvent",
    "PayoutExtras",
    "PayoutFailed",
    "PayoutInitiated",
    "PayoutProcessing",
    "PayoutRecipient",
    "RefundEvent",
    "RefundFinished",
    "RefundInitiated",
    "RefundOutcome",
    "SeenStore",
    "SettledCollection",
    "SettledPayout",
    "SignaEvent",
    "SignaIdGrant",
    "SignaIdGrantRevoked",
    "SignaSessionCompleted",
    "SignaSessionDeadline",
    "SignaSessionExpired",
    "SignaSessionResult",
    "SqliteSeenStore",
    "UnknownEvent",
    "UrlKind",
    "VirtualAccountCreated",
    "VirtualAccountCredited",
    "VirtualAccountEvent",
    "VirtualAccountFailed",
    "VirtualAccountOpening",
    "VirtualAccountReady",
    "VirtualAccountRefused",
    "VirtualAccountRejected",
    "Waiting",
    "WebhookApp",
    "WebhookVerifier",
    "read_event",
    "webhook_app",
]

_ROOMS = {
    "event": ("Event", "UnknownEvent", "UrlKind"),
    "events.union": ("AnyEvent",),
    "handling": ("Handlers",),
    "inbox": ("Inbox",),
    "reading": ("read_event",),
    "receiver": ("WebhookApp", "webhook_app"),
    "seen": ("Claim", "MemorySeenStore", "SeenStore"),
    "sqlite": ("DeliveryQueue", "SqliteSeenStore", "Waiting"),
    "verifier": ("WebhookVerifier",),
    "events.money": (
        *("CollectionCompleted", "CollectionEvent", "CollectionExpired", "CollectionFailed"),
        *("CollectionInitiated", "CollectionPending", "CollectionSource", "CreditedAccount"),
        *("InteracInstruction", "PayoutCompleted", "PayoutEvent", "PayoutExtras", "PayoutFailed"),
        *("PayoutInitiated", "PayoutProcessing", "PayoutRecipient", "RefundEvent", "RefundFinished"),
        *("RefundInitiated", "RefundOutcome", "SettledCollection", "SettledPayout"),
    ),
    "events.crypto": (
        *("CryptoDepositSuccessful", "CryptoEvent", "CryptoPayoutEvent", "CryptoPayoutFailed"),
        *("CryptoPayoutProcessing", "CryptoPayoutSuccessful"),
    ),
    "events.customers": (
        *("AutoDepositEmailActivated", "AutoDepositEmailBlocked", "AutoDepositEmailEvent", "CustomerCreated"),
        *("CustomerEvent", "CustomerStatusChanged", "VirtualAccountCreated", "VirtualAccountCredited"),
        *("VirtualAccountEvent", "VirtualAccountFailed", "VirtualAccountOpening", "VirtualAccountReady"),
        *("VirtualAccountRefused", "VirtualAccountRejected"),
    ),
    "events.signa": (
        *("SignaEvent", "SignaIdGrant", "SignaIdGrantRevoked", "SignaSessionCompleted"),
        *("SignaSessionDeadline", "SignaSessionExpired", "SignaSessionResult"),
    ),
}
"""The modules in which the public names live; each loads with the first of its names."""

_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
