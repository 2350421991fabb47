"""Several calls that belong together. Each step's result is in the answer, and a failure says what was done."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NotRequired, Required, TypedDict, TypeVar, cast

import attrs
from attrs import field, frozen

from blaaiz_async.core import codec
from blaaiz_async.core.operation import Operation
from blaaiz_async.errors import BlaaizError, CustomerNotVerifiedError, Fault, InvalidRequestError, WorkflowError
from blaaiz_async.services import collections, payouts
from blaaiz_async.types.collections import CardCollection, CollectionInitiated
from blaaiz_async.types.customers import BusinessCustomer, Customer, IndividualCustomer, VerificationStatus
from blaaiz_async.types.fees import FeesBreakdown, FeesQuery
from blaaiz_async.types.money import SendAmount
from blaaiz_async.types.payouts import Payout, PayoutTransaction
from blaaiz_async.types.virtual_bank_accounts import VirtualBankAccount, VirtualBankAccountCreate

if TYPE_CHECKING:
    from blaaiz_async.client import AsyncBlaaiz

T = TypeVar("T")

CustomerData = IndividualCustomer | BusinessCustomer | Mapping[str, Any]

_CODE_LENGTH = 3


class PayoutConfig(TypedDict, total=False):
    """What `create_complete_payout` takes."""

    payout_data: Required[Payout | Mapping[str, Any]]
    """The payout; a mapping may leave `customer_id` out if `customer_data` is given."""
    customer_data: NotRequired[CustomerData]
    """A customer to register first. It can only be paid for once it is VERIFIED, which takes its files and a review."""


class CollectionConfig(TypedDict, total=False):
    """What `create_complete_collection` takes."""

    collection_data: Required[CardCollection | Mapping[str, Any]]
    """The collection; a mapping may leave `customer_id` out if `customer_data` is given."""
    customer_data: NotRequired[CustomerData]
    """A customer to register first. It can only be charged once it is VERIFIED."""
    create_vba: NotRequired[bool]
    """Whether to ask for a virtual account of the customer on the wallet too."""


@frozen(kw_only=True)
class CompletePayout:
    """What `create_complete_payout` did."""

    fees: FeesBreakdown
    """Quoted before anything was done."""
    customer: Customer
    payout: PayoutTransaction

    @property
    def customer_id(self) -> str:
        """Who the payout is for."""
        return self.customer.id


@frozen(kw_only=True)
class CompleteCollection:
    """What `create_complete_collection` did."""

    fees: FeesBreakdown
    """Quoted before anything was done."""
    customer: Customer
    virtual_account: VirtualBankAccount | None
    collection: CollectionInitiated

    @property
    def customer_id(self) -> str:
        """Who is charged."""
        return self.customer.id


@frozen
class _Steps:
    """Runs one step after the other, and tells a failure what came before and what didn't come."""

    workflow: str
    names: tuple[str, ...]
    done: dict[str, Any] = field(factory=dict[str, Any])

    async def run(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        try:
            self.done[name] = found = await work()
        except BlaaizError as error:
            left = self.names[self.names.index(name) + 1 :]
            raise WorkflowError(self.workflow, name, error, done=self.done, not_done=left) from error
        return found


async def create_complete_payout(blaaiz: "AsyncBlaaiz", config: PayoutConfig) -> CompletePayout:
    """See `AsyncBlaaiz.create_complete_payout`."""
    payout = cast("Payout", _checked(blaaiz, payouts.INITIATE, config.get("payout_data"), config.get("customer_data")))
    steps = _Steps("create_complete_payout", ("fees", "customer", "payout"))

    async def fees() -> FeesBreakdown:
        return await blaaiz.fees.get_breakdown(
            FeesQuery(
                from_currency_id=await _code(blaaiz, payout.from_currency_id),
                to_currency_id=await _code(blaaiz, payout.to_currency_id),
                amount=payout.amount,
            )
        )

    quoted = await steps.run("fees", fees)
    customer = await steps.run("customer", lambda: _customer(blaaiz, payout.customer_id, config.get("customer_data"), steps))
    ready = attrs.evolve(payout, customer_id=customer.id)
    made = await steps.run("payout", lambda: blaaiz.payouts.initiate(ready))
    return CompletePayout(fees=quoted, customer=customer, payout=made)


async def create_complete_collection(blaaiz: "AsyncBlaaiz", config: CollectionConfig) -> CompleteCollection:
    """See `AsyncBlaaiz.create_complete_collection`."""
    given = config.get("collection_data")
    collection = cast("CardCollection", _checked(blaaiz, collections.INITIATE, given, config.get("customer_data")))
    wants_account = config.get("create_vba", False)
    names = ("fees", "customer", *(("virtual_account",) if wants_account else ()), "collection")
    steps = _Steps("create_complete_collection", names)

    async def fees() -> FeesBreakdown:
        currency = (await blaaiz.wallets.get(collection.wallet_id)).currency or ""
        amount = SendAmount(Decimal(collection.amount))
        return await blaaiz.fees.get_breakdown(FeesQuery(from_currency_id=currency, to_currency_id=currency, amount=amount))

    quoted = await steps.run("fees", fees)
    customer = await steps.run(
        "customer", lambda: _customer(blaaiz, collection.customer_id, config.get("customer_data"), steps)
    )
    account = None
    if wants_account:
        asked = VirtualBankAccountCreate(wallet_id=collection.wallet_id, customer_id=customer.id)
        account = await steps.run("virtual_account", lambda: blaaiz.virtual_bank_accounts.create(asked))
    ready = attrs.evolve(collection, customer_id=customer.id)
    made = await steps.run("collection", lambda: blaaiz.collections.initiate(ready))
    return CompleteCollection(fees=quoted, customer=customer, virtual_account=account, collection=made)


_TO_COME = "customer_data"
"""Stands for the id of a customer that is still to be registered, while the rest is checked."""


def _checked(
    blaaiz: "AsyncBlaaiz", operation: Operation[Any], given: codec.Request | Mapping[str, Any] | None, customer: object
) -> codec.Request:
    """Check what is to be sent at the end before the first call."""
    if given is None:
        name = f"{operation.id.partition('_')[0].removesuffix('s')}_data"
        raise InvalidRequestError(operation.id, [Fault(field=name, rule="missing", message="is required")])
    if isinstance(given, Mapping) and customer is not None and not given.get("customer_id"):
        given = {**given, "customer_id": _TO_COME}
    return blaaiz.check_request(operation, given)


async def _customer(blaaiz: "AsyncBlaaiz", customer_id: str, data: CustomerData | None, steps: _Steps) -> Customer:
    if customer_id == _TO_COME and data is not None:
        customer = await blaaiz.customers.create(data)
        steps.done["customer"] = customer  # whatever comes next, it has been made
    else:
        customer = await blaaiz.customers.get(customer_id)
    if customer.verification_status is not VerificationStatus.VERIFIED or customer.enhanced_due_diligence:
        raise CustomerNotVerifiedError(customer.id, customer.verification_status, bool(customer.enhanced_due_diligence))
    return customer


async def _code(blaaiz: "AsyncBlaaiz", currency: str) -> str:
    """Return the code of a currency that may be given by its id: fees are asked by code."""
    if len(currency) == _CODE_LENGTH and currency.isalpha():
        return currency
    return next((each.code for each in await blaaiz.currencies.list() if each.id == currency), currency)
