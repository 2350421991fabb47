"""Swaps (contract/money.yaml): an exchange between two wallets of the business."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import operation
from blaaiz_async.services import transactions
from blaaiz_async.services.base import Service
from blaaiz_async.types.swaps import Swap, SwapTransaction, same_swap

INITIATE = operation(
    "swaps_initiate",
    "POST",
    "/api/external/swap",
    SwapTransaction,
    scope="swap:create",
    under=("business_swap_transaction", "data"),
    body=Swap,
    look=transactions.look_for("SWAP", lambda _: {}, lambda asked, found: same_swap(asked.request, found)),
)


class SwapsService(Service):
    """Swaps between wallets."""

    async def initiate(self, swap: Swap | Mapping[str, Any]) -> SwapTransaction:
        """Exchange money between two wallets of different currencies. It settles at once.

        Args:
            swap: Both wallets, the amount (0.1 or more, at most 2 decimals), and which side it fixes.

        Returns:
            Both amounts and the rate that was used.

        Raises:
            BadRequestError: The wallets have the same currency, or aren't yours, or the pair isn't offered.
            PermissionDeniedError: Your business may not swap through the API.
            OutcomeUnknownError: The answer was lost. There is no key, and a second call swaps again: look first with
                `find_candidates()`, which returns the swaps of these wallets and this amount made since.

        Scope `swap:create`; operation swaps_initiate.
        """
        return await self._call(INITIATE, body=swap)
