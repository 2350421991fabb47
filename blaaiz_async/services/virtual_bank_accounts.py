"""Virtual bank accounts (contract/money.yaml)."""

from blaaiz_async.core.operation import operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.common import IdentificationType

IDENTIFICATION_TYPE = operation(
    "virtual_accounts_identification_type",
    "GET",
    "/api/external/virtual-bank-account/identification-type",
    IdentificationType,
    scope="virtual-account:read",
)


class VirtualBankAccountsService(Service):
    """Virtual bank accounts."""

    async def get_identification_type(
        self, *, customer_id: str | None = None, country: str | None = None, type: str | None = None
    ) -> IdentificationType:
        """Return which identifier belongs into a customer's `tin`, and its label.

        Args:
            customer_id: An existing customer; or give both of the others.
            country: ISO 3166-1 alpha-2.
            type: "individual" or "business".

        Returns:
            The label to show beside the input, and the code of the identifier.

        Raises:
            UnprocessableEntityError: Neither a customer nor both country and type were given.

        Scope `virtual-account:read`; operation virtual_accounts_identification_type.
        """
        query = {"customer_id": customer_id, "country": country, "type": type}
        return await self._call(IDENTIFICATION_TYPE, query=query)
