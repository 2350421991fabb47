"""Refunds (contract/money.yaml): a whole EUR or GBP collection back to its sender."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import Key, operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.refunds import Refund, RefundRequest

INITIATE = operation(
    "refunds_initiate",
    "POST",
    "/api/external/refund",
    Refund,
    scope="refund:create",
    body=RefundRequest,
    key=Key(field="reference"),
)
GET = operation("refunds_get", "GET", "/api/external/refund/{id}", Refund, scope="refund:read")


class RefundsService(Service):
    """Refunds of collections to their source."""

    async def initiate(self, refund: RefundRequest | Mapping[str, Any]) -> Refund:
        """Give a collection back, whole, to whoever paid it. There is one attempt per collection.

        Args:
            refund: The transaction id of a SUCCESSFUL EUR or GBP collection of the last 7 days; perhaps a reason (at most
                250 characters) and your reference (at most 100).

        Returns:
            The refund; for a reference that was used for the same collection before, the same refund again. `reference`
            holds the key it was made by, yours or a new one.

        Raises:
            BadRequestError: It can't be refunded, or a refund was begun before, or the reference belongs to another one.
            NotFoundError: There is no such transaction.

        Scope `refund:create`; operation refunds_initiate.
        """
        return await self._call(INITIATE, body=refund)

    async def get(self, refund_id: str) -> Refund:
        """Return a refund.

        Raises:
            NotFoundError: There is none, or its collection wasn't made through the API.

        Scope `refund:read`; operation refunds_get.
        """
        return await self._call(GET, path={"id": refund_id})
