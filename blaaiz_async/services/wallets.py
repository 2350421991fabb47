"""Wallets (contract/money.yaml)."""

from blaaiz_async.core.operation import list_operation, operation
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.services.base import Service
from blaaiz_async.types.wallets import Wallet

List = list  # inside the class, `list` is the method

LIST = list_operation("wallets_list", "/api/external/wallet", Wallet, scope="wallet:read")
GET = operation("wallets_get", "GET", "/api/external/wallet/{id}", Wallet, scope="wallet:read")


class WalletsService(Service):
    """Wallets of the business."""

    async def list(self) -> List[Wallet]:
        """Return all wallets with their balances.

        Scope `wallet:read`; operation wallets_list.
        """
        return await self._call(LIST)

    async def get(self, wallet_id: str) -> Wallet:
        """Return a wallet with its balance.

        Scope `wallet:read`; operation wallets_get.
        """
        return await self._call(GET, path={"id": wallet_id})

    async def by_currency(self, code: str) -> Wallet:
        """Return the active wallet of a currency.

        Args:
            code: ISO 4217, such as "NGN".

        Raises:
            InvalidRequestError: There is none, or more than one.

        Scope `wallet:read`; operation wallets_list.
        """
        found = [wallet for wallet in await self.list() if wallet.currency == code and wallet.is_active is not False]
        if len(found) == 1:
            return found[0]
        text = f"{len(found)} active wallets hold {code}" + ("; choose one of `list` by its id" if found else "")
        raise InvalidRequestError(LIST.id, [Fault(field="code", rule="value", message=text)])
