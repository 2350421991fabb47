"""Payouts (contract/money.yaml): money from a wallet to a recipient."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from blaaiz_async.core.operation import Key, Look, Recovery, operation
from blaaiz_async.services import transactions
from blaaiz_async.services.base import Service, is_taken
from blaaiz_async.types.payouts import Payout, PayoutTransaction, same_payout, settled_payout

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
        adopt=settled_payout,
        settle="payouts.settle",
    ),
)


class PayoutsService(Service):
    """Payouts to bank accounts, Interac recipients and mobile wallets. Crypto has a service of its own."""

    async def initiate(self, payout: Payout | Mapping[str, Any]) -> PayoutTransaction:
        """Send money from a wallet to a recipient, exactly once however the network behaves.

        The merchant reference is the guard: where an answer is lost, the payout is sent again with the same reference, and
        if the platform has it already, the first one is read back (which needs the scope `transaction:read`), compared and
        returned. So the same payout given again under its reference is never paid again, in this call or a later one.

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
