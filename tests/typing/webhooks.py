"""What type checkers must see of webhook events. It is checked, never run."""

from datetime import datetime
from decimal import Decimal
from typing import assert_never, assert_type

from blaaiz_async.types.customers import VerificationStatus
from blaaiz_async.types.signa import SignaSessionStatus
from blaaiz_async.types.transactions import TransactionStatus
from blaaiz_async.webhooks import (
    AnyEvent,
    CollectionEvent,
    CustomerStatusChanged,
    Event,
    Handlers,
    PayoutCompleted,
    PayoutEvent,
    PayoutFailed,
    PayoutInitiated,
    PayoutProcessing,
    RefundFinished,
    RefundOutcome,
    SettledPayout,
    SignaSessionCompleted,
    UnknownEvent,
    UrlKind,
    WebhookVerifier,
)


def handle(verifier: WebhookVerifier, body: bytes, headers: dict[str, str]) -> str | None:
    event = verifier.receive(body, headers)
    assert_type(event, AnyEvent)
    base: Event = event
    assert_type(base.name, str)
    assert_type(event.dedupe_key, str)
    assert_type(event.received_at, datetime)
    assert_type(event.url_kind, UrlKind | None)
    match event:
        case CustomerStatusChanged(customer_id=customer_id, new_status=VerificationStatus.VERIFIED):
            assert_type(customer_id, str)
            return customer_id
        case CustomerStatusChanged(new_status=new_status, comment=comment):
            assert_type(new_status, VerificationStatus)
            assert_type(comment, str | None)
        case PayoutCompleted(transaction_id=transaction_id, transaction_amount=amount):
            assert_type(transaction_id, str)
            assert_type(amount, Decimal)
        case RefundFinished(status=RefundOutcome.FAILED, failure_reason=reason):
            return reason
        case UnknownEvent(problem=problem):
            return problem
        case _:
            pass
    return None


def narrow(event: Event) -> None:
    if isinstance(event, SignaSessionCompleted):
        assert_type(event.data.session_id, str)
        assert_type(event.session_id, str)
        assert_type(event.data.result, SignaSessionStatus)
    elif isinstance(event, PayoutEvent):
        assert_type(event.transaction_id, str | None)
        if isinstance(event, SettledPayout):
            assert_type(event.transaction_id, str)
            assert_type(event.transaction_status, TransactionStatus)
            assert_type(event.transaction_fee, Decimal)
    elif isinstance(event, CollectionEvent):
        assert_type(event.merchant_reference, str | None)
        event.name = "payout.completed"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def every(event: "PayoutCompleted | UnknownEvent") -> str:
    """A match that leaves a member of a union out is found: `AnyEvent` is one of all events."""
    match event:
        case PayoutCompleted():
            return "paid"
        case UnknownEvent():
            return "new"
        case _:
            assert_never(event)


def on_each(handlers: Handlers) -> None:
    """A handler of several classes takes their union."""

    @handlers.on(PayoutCompleted, PayoutFailed)
    async def two(event: PayoutCompleted | PayoutFailed) -> None: ...

    @handlers.on(PayoutCompleted, PayoutFailed, PayoutInitiated)
    async def three(event: PayoutCompleted | PayoutFailed | PayoutInitiated) -> None: ...

    @handlers.on(PayoutCompleted, PayoutFailed, PayoutInitiated, PayoutProcessing)
    async def four(event: PayoutCompleted | PayoutFailed | PayoutInitiated | PayoutProcessing) -> None: ...

    @handlers.on(PayoutCompleted, PayoutFailed, PayoutInitiated)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async def one_left_out(event: PayoutCompleted | PayoutFailed) -> None: ...

    _ = two, three, four, one_left_out
