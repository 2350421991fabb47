"""Mobile money operators (contract/money.yaml)."""

from blaaiz_async.core.operation import list_operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.momo_operators import MomoOperator

List = list  # inside the class, `list` is the method

LIST = list_operation("momo_operators_list", "/api/external/momo-operator", MomoOperator, scope="bank:read")


class MomoOperatorsService(Service):
    """Operators of mobile wallets."""

    async def list(self, *, currency_id: str | None = None, country_id: str | None = None) -> List[MomoOperator]:
        """Return the operators that match every filter.

        Args:
            currency_id: Id of the destination currency, from `currencies.find`; the better filter.
            country_id: The platform's id of a country.

        Scope `bank:read`; operation momo_operators_list.
        """
        return await self._call(LIST, query={"currency_id": currency_id, "country_id": country_id})
