"""Currencies (contract/money.yaml)."""

from blaaiz_async.core.operation import list_operation
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.services.base import Service
from blaaiz_async.types.currencies import Currency

List = list  # inside the class, `list` is the method

LIST = list_operation("currencies_list", "/api/external/currency", Currency, scope="currency:read")


class CurrenciesService(Service):
    """Currencies of the platform."""

    async def list(self) -> List[Currency]:
        """Return all currencies.

        Scope `currency:read`; operation currencies_list.
        """
        return await self._call(LIST)

    async def find(self, code: str, *, country: str | None = None) -> Currency:
        """Return the active currency of a code, whose id a payout takes.

        Args:
            code: ISO 4217, such as "NGN".
            country: ISO 3166-1 alpha-2, for a code that several countries share, as XOF is (BJ, CI).

        Raises:
            InvalidRequestError: There is none, or there are several and no country was given.

        Scope `currency:read`; operation currencies_list.
        """
        found = [currency for currency in await self.list() if currency.code == code and currency.active is not False]
        if country is not None:
            # The platform may leave the country out; a code that isn't shared needs none.
            found = [currency for currency in found if currency.country is None or currency.country.short_name == country]
        if len(found) == 1:
            return found[0]
        where = f" in {country}" if country else ""
        text = f"{code}{where} is no active currency of the platform"
        if found:
            choices = sorted({currency.country.short_name or "?" for currency in found if currency.country})
            text = f"{code} is shared by several countries; give one as country: {', '.join(choices)}"
        raise InvalidRequestError(LIST.id, [Fault(field="country" if found else "code", rule="value", message=text)])
