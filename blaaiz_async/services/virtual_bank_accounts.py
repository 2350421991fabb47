"""Virtual bank accounts (contract/money.yaml)."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import Look, Recovery, Safety, list_operation, operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.common import IdentificationType
from blaaiz_async.types.virtual_bank_accounts import (
    VirtualBankAccount,
    VirtualBankAccountClose,
    VirtualBankAccountClosing,
    VirtualBankAccountCreate,
    VirtualBankAccountStatus,
)

List = list  # inside the class, `list` is the method

_ACCOUNTS = "/api/external/virtual-bank-account"

_OPEN = (VirtualBankAccountStatus.PENDING, VirtualBankAccountStatus.SUCCESSFUL)
"""Of such a one there is at most one for each customer and wallet."""

LIST = list_operation("virtual_accounts_list", _ACCOUNTS, VirtualBankAccount, scope="virtual-account:read")
CREATE = operation(
    "virtual_accounts_create",
    "POST",
    _ACCOUNTS,
    VirtualBankAccount,
    scope="virtual-account:create",
    safety=Safety.KEYED,  # one for each customer and wallet: a second one is refused
    body=VirtualBankAccountCreate,
    recovery=Recovery(
        echo=lambda error: error.status_code == 400,  # the words for "there is one" aren't certain
        look=Look(
            read=LIST,
            ask=lambda asked: {"query": {"wallet_id": asked.request.wallet_id, "customer_id": asked.request.customer_id}},
            fits=lambda _, found: found.status in (None, *_OPEN),
        ),
    ),
)
GET = operation("virtual_accounts_get", "GET", _ACCOUNTS + "/{id}", VirtualBankAccount, scope="virtual-account:read")
CLOSE = operation(
    "virtual_accounts_close",
    "POST",
    _ACCOUNTS + "/{id}/close",
    VirtualBankAccountClosing,
    scope="virtual-account:close",
    safety=Safety.KEYED,  # a second one is refused: it is closed already
    body=VirtualBankAccountClose,
    recovery=Recovery(
        echo=lambda error: error.status_code == 400 and all(word in error.message.lower() for word in ("already", "closed")),
        adopt=lambda asked, refusal: VirtualBankAccountClosing(account_id=asked.path["id"], message=refusal.message),
    ),
)
IDENTIFICATION_TYPE = operation(
    "virtual_accounts_identification_type",
    "GET",
    _ACCOUNTS + "/identification-type",
    IdentificationType,
    scope="virtual-account:read",
)


class VirtualBankAccountsService(Service):
    """Virtual bank accounts."""

    async def create(self, account: VirtualBankAccountCreate | Mapping[str, Any]) -> VirtualBankAccount:
        """Ask for a virtual account of a customer on a wallet, in the wallet's currency: NGN, GBP, EUR or USD.

        Args:
            account: The wallet, and a VERIFIED customer; outside NGN a business must have KYB scope FULL.

        Where an answer is lost it is asked for again; the platform refuses a second one, and the first is then returned.

        Returns:
            The account. NGN is usually ready at once; the others are PENDING and end by webhook.

        Raises:
            BadRequestError: The currency isn't offered, something is missing of the customer, or there is one already.
            OutcomeUnknownError: No answer came before the deadline. Calling again is safe: there is never a second one.

        Scope `virtual-account:create`; operation virtual_accounts_create.
        """
        return await self._call(CREATE, body=account)

    async def list(self, wallet_id: str | None = None, customer_id: str | None = None) -> List[VirtualBankAccount]:
        """Return the virtual accounts that match every filter.

        Args:
            wallet_id: Of this wallet.
            customer_id: Of this customer.

        Scope `virtual-account:read`; operation virtual_accounts_list.
        """
        return await self._call(LIST, query={"wallet_id": wallet_id, "customer_id": customer_id})

    async def get(self, vba_id: str) -> VirtualBankAccount:
        """Return a virtual account.

        Raises:
            NotFoundError: There is none.

        Scope `virtual-account:read`; operation virtual_accounts_get.
        """
        return await self._call(GET, path={"id": vba_id})

    async def close(self, vba_id: str, reason: str | None = None) -> VirtualBankAccountClosing:
        """Begin to close a virtual account.

        Args:
            vba_id: Which one.
            reason: At most 200 characters.

        Raises:
            BadRequestError: It is closed already, or its provider can't close accounts.
            NotFoundError: There is none.
            OutcomeUnknownError: No answer came before the deadline. Calling again is safe.

        Scope `virtual-account:close`; operation virtual_accounts_close.
        """
        return await self._call(CLOSE, path={"id": vba_id}, body=VirtualBankAccountClose(reason=reason))

    async def get_identification_type(
        self, customer_id: str | None = None, country: str | None = None, type: str | None = None
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
