"""Crypto payouts and deposits (contract/events.yaml CryptoPayoutWebhook, CryptoDepositWebhook).

Amounts come as JSON strings in units of the currency.
"""

from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Id
from blaaiz_async.types.crypto import CryptoNetworkName
from blaaiz_async.types.transactions import TransactionStatus
from blaaiz_async.webhooks.event import Event, UrlKind


@frozen(kw_only=True, repr=False)
class CryptoEvent(Event):
    """What became of a crypto transaction."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "transaction_id", "wallet_id")

    event: str | None = None
    type: str | None = None
    """Says the same as `event`."""
    event_id: Id | None = None
    """The id of the delivery's log."""
    transaction_id: Id
    transaction_reference: str | None = None
    transaction_status: TransactionStatus
    """In capitals, unlike that of reads."""
    wallet_id: Id | None = None
    customer_id: Id | None = None
    """None for a deposit to an address of the business."""
    currency: str
    amount: Decimal
    network: CryptoNetworkName | None = None
    token: str | None = None
    transaction_hash: str | None = None


@frozen(kw_only=True, repr=False)
class CryptoPayoutEvent(CryptoEvent):
    """What became of a crypto payout."""

    url_kind: ClassVar[UrlKind | None] = "payout"

    address: str | None = None
    """Where it goes."""
    failure_reason: str | None = None
    """Given on failed."""


@frozen(kw_only=True, repr=False)
class CryptoPayoutProcessing(CryptoPayoutEvent):
    """A crypto payout was accepted; not final."""


@frozen(kw_only=True, repr=False)
class CryptoPayoutSuccessful(CryptoPayoutEvent):
    """A crypto payout was completed."""


@frozen(kw_only=True, repr=False)
class CryptoPayoutFailed(CryptoPayoutEvent):
    """A crypto payout failed for good."""


@frozen(kw_only=True, repr=False)
class CryptoDepositSuccessful(CryptoEvent):
    """A deposit on the chain was credited to a crypto wallet."""

    url_kind: ClassVar[UrlKind | None] = "collection"

    fee: Decimal
    net_amount: Decimal
    """What the wallet was credited with."""
    source_address: str | None = None
