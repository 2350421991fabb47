"""How a collection begins and ends, whatever its method."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .exchange import refuse
from .money_events import tell_collection
from .pricing import pair, price_fixed_debit
from .special_values import Effect
from .treasury import FEES, OUTSIDE, Transaction

if TYPE_CHECKING:
    from decimal import Decimal

    from .treasury import Account, Treasury, Wallet

__all__ = ["open_collection"]


def open_collection(
    treasury: Treasury,
    *,
    wallet: Wallet,
    method: str,
    amount: Decimal,
    customer_id: str | None,
    effect: Effect | None = None,
    expires_at: float | None = None,
    reference: str | None = None,
    merchant_reference: str | None = None,
    source: dict[str, Any] | None = None,
    payee_email: str | None = None,
    account: Account | None = None,
    failure_reason: str | None = None,
) -> Transaction:
    """Begin a PENDING collection and plan its end: the wallet receives the amount less the fees.

    Args:
        treasury: the book.
        wallet: where the money goes.
        method: of `COLLECTION_METHODS`.
        amount: gross, in the wallet's currency.
        customer_id: whose it is, if anyone's.
        effect: FAILS or EXPIRES, when a test value says so.
        expires_at: when it lapses, epoch seconds; None if never.
        reference: of the provider; one is made when there is none.
        merchant_reference: the caller's.
        source: what is known of the payer, by key of source_information.
        payee_email: the receiving Interac address.
        account: the virtual account that the money came through.
        failure_reason: told with the first notice of a failure.
    """
    platform, code = treasury.platform, wallet.currency.code
    rate = pair(code, code)
    assert rate is not None, "every wallet's currency has a rate against itself"  # noqa: S101
    quote = price_fixed_debit(rate, method, amount)
    if quote.net <= 0:
        raise refuse(400, "The amount must be greater than the total fees.", status=False)
    collection = treasury.add(
        Transaction(
            id=platform.new_id(),
            type="collection",
            method=method,
            customer_id=customer_id,
            wallet=wallet,
            reference=reference or platform.new_id(),
            merchant_reference=merchant_reference,
            external_reference=f"{int(platform.new_secret()[:16], 16):021d}",
            amount=amount,
            fee=quote.fees,
            at=platform.now(),
            source=dict(source or {}),
            payee_email=payee_email,
            account=account,
            failure_reason=failure_reason,
        )
    )
    end = treasury.ends[collection.id] = partial(_close, treasury, collection)
    if effect is not Effect.EXPIRES:
        treasury.later(lambda _: end("FAILED" if effect is Effect.FAILS else "SUCCESSFUL"))
    if expires_at is not None:
        treasury.at(expires_at, lambda _: end("EXPIRED"))
    return collection


def _close(treasury: Treasury, collection: Transaction, outcome: str) -> None:
    if not collection.is_open:
        return
    collection.status = outcome
    if outcome == "SUCCESSFUL":
        treasury.move(collection.currency, collection.fee, OUTSIDE, FEES)
        treasury.move(collection.currency, collection.net, OUTSIDE, collection.wallet.id)
    tell_collection(treasury, collection)
