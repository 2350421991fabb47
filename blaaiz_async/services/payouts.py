"""Payouts (contract/money.yaml): money from a wallet to a recipient."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from blaaiz_async.core.operation import Doubt, Key, Look, Recovery, operation
from blaaiz_async.services import banks, transactions
from blaaiz_async.services.base import Service, is_taken
from blaaiz_async.types.banks import Bank
from blaaiz_async.types.payouts import (
    Payout,
    PayoutRecipient,
    PayoutTransaction,
    names_a_bank,
    same_payout,
    settled_payout,
)

INITIATE = operation(
    "payouts_initiate",
    "POST",
    "/api/external/payout",
    PayoutTransaction,
    scope="payout:create",
    under=("transaction", "data"),
    body=Payout,
    key=Key(field="merchant_reference"),
    recovery=Recovery(
        echo=is_taken("merchant_reference"),
        look=Look(
            read=evolve(transactions.GET, answer=PayoutTransaction),
            ask=lambda asked: {"path": {"id": asked.key}},
            fits=lambda asked, found: same_payout(asked.request, found),
        ),
        doubt=Doubt(
            read=banks.LIST,
            about=lambda asked, found: asked.request is not None and names_a_bank(asked.request, found),
            fits=lambda asked, found, listed: _same_bank(asked.request, found, listed),
        ),
        adopt=lambda asked, found: settled_payout(asked.request, found),
        settle="payouts.settle",
    ),
)


def _same_bank(payout: Payout, found: PayoutTransaction, listed: list[Bank]) -> bool | None:
    """Tell whether the bank that was paid is the one that is asked for; the platform names it, and takes its id."""
    asked = next((each for each in listed if each.id == getattr(payout.destination, "bank_id", None)), None)
    paid = found.recipient or PayoutRecipient()
    if asked is None:
        return True  # it may be known by an id that isn't listed any more
    # Never False: there are several lists of bank codes, and "used for something else" would lead to a second payment.
    pairs = ((asked.code, paid.bank_code), (asked.name, paid.bank_name))
    return True if any(one and other and _plain(one) == _plain(other) for one, other in pairs) else None


def _plain(text: str) -> str:
    return text.strip().casefold().lstrip("0")


class PayoutsService(Service):
    """Payouts to bank accounts, Interac recipients and mobile wallets. Crypto has a service of its own."""

    async def initiate(self, payout: Payout | Mapping[str, Any]) -> PayoutTransaction:
        """Send money from a wallet to a recipient, exactly once however the network behaves.

        The merchant reference is the guard: where an answer is lost, the payout is sent again with the same reference, and
        if the platform has it already, the first one is read back (which needs the scope `transaction:read`), compared and
        returned, in whatever state it is then. So the same payout given again under its reference is never paid again, in
        this call or a later one.

        Args:
            payout: A `Payout`, or a mapping in the platform's flat form, such as
                `{"method": "bank_transfer", "from_amount": 5000, "bank_id": "1", …}`. Amounts in major units.

        Returns:
            The payout as it was accepted. `merchant_reference` holds the key it was made by, yours or a new one. Its end
            comes by webhook.

        Raises:
            InvalidRequestError: A rule of the contract is broken; nothing was sent. Method "crypto" is one:
                use `crypto.create_payout`.
            BadRequestError: The platform refused it, for want of funds, of a virtual account or of a name that matches.
            UnprocessableEntityError: A field is wrong, or `merchant_reference` was used before, for something else.
            OutcomeUnknownError: It may have been sent, and couldn't be read back before the deadline: call again with the
                same `merchant_reference`, or `settle` it. Every error has it as `idempotency_key`.

        Scope `payout:create`; operation payouts_initiate.
        """
        return await self._call(INITIATE, body=payout)

    async def settle(self, merchant_reference: str) -> PayoutTransaction:
        """Find the payout that a merchant reference made, for a caller who comes back after an unknown outcome.

        It may take the platform a moment to list a payout: this asks again until the deadline.

        Args:
            merchant_reference: Yours, or the one that was made (`idempotency_key` of the error).

        Returns:
            The payout as `initiate` would have returned it, in its present state.

        Raises:
            OutcomeUnknownError: The platform doesn't know it, or not yet; initiating it again with the same reference is
                safe, and settles it for certain.
            InvalidRequestError: It is the reference of something else than a payout.

        Scope `transaction:read`; operation transactions_get.
        """
        return await self._caller.settle(INITIATE, merchant_reference)
