"""Banks (contract/money.yaml), and checks of accounts before money is sent to them."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import Safety, list_operation, operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.banks import (
    AccountHolder,
    AccountLookup,
    Bank,
    IbanReachability,
    IbanVerification,
    PayeeMatch,
    PayeeVerification,
)

List = list  # inside the class, `list` is the method

_BANK = "/api/external/bank"

LIST = list_operation("banks_list", _BANK, Bank, scope="bank:read")
LOOKUP_ACCOUNT = operation(
    "banks_lookup_account",
    "POST",
    _BANK + "/account-lookup",
    AccountHolder,
    scope="bank:read",
    safety=Safety.READ,
    body=AccountLookup,
)
VERIFY_PAYEE = operation(
    "banks_verify_payee",
    "POST",
    _BANK + "/payee-verification",
    PayeeMatch,
    scope="bank:read",
    safety=Safety.READ,
    body=PayeeVerification,
)
VERIFY_IBAN = operation(
    "banks_verify_iban",
    "POST",
    _BANK + "/iban-verification",
    IbanReachability,
    scope="bank:read",
    safety=Safety.READ,
    body=IbanVerification,
)


class BanksService(Service):
    """Banks and their accounts."""

    async def list(
        self, *, currency: str | None = None, country: str | None = None, country_id: str | None = None
    ) -> List[Bank]:
        """Return the banks that match every filter.

        Args:
            currency: ISO 4217 code.
            country: ISO 3166-1 alpha-2.
            country_id: The platform's id of a country.

        Scope `bank:read`; operation banks_list.
        """
        return await self._call(LIST, query={"currency": currency, "country": country, "country_id": country_id})

    async def lookup_account(self, lookup: AccountLookup | Mapping[str, Any]) -> AccountHolder:
        """Return the name of an account's holder.

        Args:
            lookup: Account number, and `bank_id` from `list`.

        Raises:
            BadRequestError: There is no such account or bank.

        Scope `bank:read`; operation banks_lookup_account.
        """
        return await self._call(LOOKUP_ACCOUNT, body=lookup)

    async def verify_payee(self, payee: PayeeVerification | Mapping[str, Any]) -> PayeeMatch:
        """Compare a name with that of a UK account (Confirmation of Payee), as a GBP payout will.

        Args:
            payee: Sort code, account number and the name.

        Returns:
            `matched` tells; a close match is no match, and comes with the name to suggest.

        Raises:
            BadRequestError: There is no such account.

        Scope `bank:read`; operation banks_verify_payee.
        """
        return await self._call(VERIFY_PAYEE, body=payee)

    async def verify_iban(self, iban: IbanVerification | Mapping[str, Any]) -> IbanReachability:
        """Tell whether the bank of an IBAN is reachable by SEPA. The holder's name isn't checked.

        Args:
            iban: `IbanVerification(iban=…)` or `{"iban": …}`; spaces are fine.

        Scope `bank:read`; operation banks_verify_iban.
        """
        return await self._call(VERIFY_IBAN, body=iban)
