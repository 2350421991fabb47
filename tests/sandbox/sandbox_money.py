"""Short ways to what money calls need: verified customers, virtual accounts, payout bodies, and checked webhook bodies."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox
from tests.sandbox.sandbox_checking import CUSTOMER, INDIVIDUAL, Caller, Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

API = "/api/external"
PERSON: dict[str, Any] = {
    **INDIVIDUAL,
    "phone": "+2348012345678",
    "tin": "12345678901",
    "dob": "1990-01-15",
    "street": "1 Marina Road",
    "city": "Lagos",
    "state": "Lagos",
    "zip_code": "100001",
    "id_expiry_date": "2040-01-01",
}
ADDRESS = {"street": "1 High Street", "city": "London", "zip_code": "W1D 1BS", "country": "GB"}
RECIPIENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("bank_transfer", "NGN"): {"bank_id": "1", "account_number": "0222500691"},
    ("bank_transfer", "GBP"): {
        "sort_code": "20-00-00",
        "account_number": "12345678",
        "account_name": "Jane Doe",
        **ADDRESS,
    },
    ("bank_transfer", "EUR"): {
        "iban": "DE89370400440532013000",
        "bic_code": "COBADEFFXXX",
        "account_name": "Hans Mueller",
        **ADDRESS,
    },
    ("ach", "USD"): {
        "type": "individual",
        "account_number": "123456789012",
        "account_name": "Jane Doe",
        "account_type": "checking",
        "routing_number": "021000021",
        "bank_name": "Chase Bank",
        "state": "NY",
        **ADDRESS,
    },
    ("interac", "CAD"): {
        "email": "jane@example.com",
        "interac_first_name": "Jane",
        "interac_last_name": "Doe",
    },
    ("mobile_money", "KES"): {
        "phone_number": "+254700000000",
        "mobile_money_operator_id": "1",
        "account_name": "Jane Doe",
    },
}
"""What names the recipient, by method and destination currency."""
RECIPIENTS["wire", "USD"] = {**RECIPIENTS["ach", "USD"], "swift_code": "CHASUS33"}
_SCHEMAS = {
    "payout": "PayoutWebhook",
    "payout_initiated": "PayoutWebhook",
    "collection": "CollectionWebhook",
    "refund": "RefundWebhook",
    "refund_initiated": "RefundWebhook",
    "virtual_account.created": "VirtualAccountCreatedWebhook",
    "virtual_account.ready": "VirtualAccountReadyWebhook",
    "virtual_account.rejected": "VirtualAccountRefusedWebhook",
    "virtual_account.failed": "VirtualAccountRefusedWebhook",
}
KINDS = tuple(_SCHEMAS)
"""Every kind of webhook that the money areas send."""


class Money(Caller):
    """A caller with a clock of its own, at home in the money areas."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        super().__init__(Sandbox(limits=None, now=self.clock, token_lifetime=1e9, **options))

    async def verified(self, **changes: object) -> str:
        """Make a VERIFIED person with everything that a virtual account asks for; a change to None leaves a field out."""
        known = {name: value for name, value in {**PERSON, **changes}.items() if value is not None}
        customer = await self.create(known)
        file_id = await self.identity_file(customer)
        await self.call("POST", f"{CUSTOMER}/{customer}/files", {"id_file": file_id}, 200)
        return customer

    async def wallet(self, currency: str) -> str:
        wallets = await self.call("GET", f"{API}/wallet", expect=200)
        return next(cast("str", each["id"]) for each in wallets if each["currency"] == currency)

    async def account(self, customer: str, currency: str, expect: int = 201) -> Any:
        body = {"wallet_id": await self.wallet(currency), "customer_id": customer}
        return await self.call("POST", f"{API}/virtual-bank-account", body, expect)

    async def payout_body(
        self, customer: str, source: str = "NGN", destination: str = "NGN", method: str = "bank_transfer", **changes: object
    ) -> dict[str, Any]:
        amount = {} if {"from_amount", "to_amount"} & changes.keys() else {"from_amount": 5000}
        return {
            "wallet_id": await self.wallet(source),
            "customer_id": customer,
            "method": method,
            "from_currency_id": source,
            "to_currency_id": destination,
            **RECIPIENTS[method, destination],
            **amount,
            **changes,
        }

    async def pay(self, body: Mapping[str, Any], expect: int = 200) -> Any:
        answer = await self.call("POST", f"{API}/payout", body, expect)
        return answer["transaction"] if expect == 200 else answer

    async def transaction(self, key: str) -> Any:
        return (await self.call("GET", f"{API}/transaction/{key}", expect=200))["data"]

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        """Give the webhook bodies of some kinds, each checked against the contract."""
        found = [each for each in self.sandbox.events if (each.get("event") or each["type"]) in kinds]
        for each in found:
            contract.validator("events", _SCHEMAS[each.get("event") or each["type"]]).validate(each)
        return found


def exact(number: float) -> Decimal:
    """Read a JSON number as it was written."""
    return Decimal(str(number))
