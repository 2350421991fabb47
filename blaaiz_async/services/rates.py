"""Exchange rates (contract/money.yaml)."""

from blaaiz_async.core.operation import list_operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.rates import Rate

List = list  # inside the class, `list` is the method

LIST = list_operation("rates_list", "/api/external/rate", Rate, scope="rates:read")


class RatesService(Service):
    """Exchange rates."""

    async def list(self, *, search_term: str | None = None) -> List[Rate]:
        """Return the rates that apply to the business, one for each pair.

        Args:
            search_term: Part of a pair, such as "USD" or "USD/NGN".

        Scope `rates:read`; operation rates_list.
        """
        return await self._call(LIST, query={"search_term": search_term})
