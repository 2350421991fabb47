"""Fees (contract/money.yaml), before money moves."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import Safety, operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.fees import FeesBreakdown, FeesQuery

BREAKDOWN = operation(
    "fees_breakdown",
    "POST",
    "/api/external/fees/breakdown",
    FeesBreakdown,
    scope="fees:read",
    safety=Safety.READ,  # a calculation
    body=FeesQuery,
)


class FeesService(Service):
    """Fees of collections and payouts."""

    async def get_breakdown(self, query: FeesQuery | Mapping[str, Any]) -> FeesBreakdown:
        """Return fees, totals and rate for each method. It moves no money.

        Args:
            query: Currency codes, and a `SendAmount` or a `ReceiveAmount`; or a mapping with exactly one of `from_amount`
                and `to_amount`, in major units.

        Returns:
            An item for each method of collecting and of paying out: use the one whose `method` you will use.

        Scope `fees:read`; operation fees_breakdown.
        """
        return await self._call(BREAKDOWN, body=query)
