"""What the platform remembers of money: wallets, transactions, refunds, virtual accounts, and who holds how much."""

from __future__ import annotations

import heapq
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from .exchange import refuse
from .reference_data import CURRENCIES, START_BALANCES, Currency

if TYPE_CHECKING:
    from collections.abc import Callable

    from .state import Platform

__all__ = ["EXCHANGE", "FEES", "OUTSIDE", "Account", "Refund", "Settlement", "Transaction", "Treasury", "Wallet"]

OUTSIDE, FEES, EXCHANGE = "outside", "fees", "exchange"
"""The holders beside the wallets: the world, the platform's income, and its foreign-exchange desk."""


@attrs.frozen(kw_only=True)
class Settlement:
    """When payouts, collections, refunds and virtual accounts reach their end; make it with a class method."""

    seconds: float | None

    @classmethod
    def at_once(cls) -> Settlement:
        """A payout is answered with its end; anything else ends right after its call is answered."""
        return cls(seconds=0.0)

    @classmethod
    def after(cls, seconds: float) -> Settlement:
        """The end comes after that time by the sandbox's clock; a payout is PROCESSING from half of it on."""
        return cls(seconds=seconds)

    @classmethod
    def held(cls) -> Settlement:
        """PENDING until `Sandbox.settle`, or until a collection expires."""
        return cls(seconds=None)


@attrs.define(kw_only=True)
class Wallet:
    """A wallet of the business; its balance is in the treasury's books."""

    id: str
    currency: Currency
    is_active: bool = True


@attrs.define(kw_only=True)
class Account:
    """A virtual bank account; without a customer it is the business's own."""

    id: str
    wallet: Wallet
    customer_id: str | None
    status: str
    fields: dict[str, Any] = attrs.field(repr=False)
    """What the bank gives once it is ready: number, name, bank, IBAN …; the name from the start."""
    rejection_reason: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it can receive money."""
        return self.status == "SUCCESSFUL"


@attrs.define(kw_only=True)
class Refund:
    """The one refund of a collection."""

    id: str
    transaction: Transaction
    status: str
    reference: str | None
    refund_reference: str
    created_at: float
    updated_at: float
    failure_reason: str | None = None


@attrs.define(kw_only=True)
class Transaction:
    """A payout, a collection or a swap."""

    id: str
    type: str
    """`payout`, `collection` or `swap`."""
    method: str
    """`bank_transfer`, `card` …; what the methods of reference_data are called."""
    customer_id: str | None
    wallet: Wallet
    status: str = "PENDING"
    reference: str
    merchant_reference: str | None = None
    external_reference: str | None = None
    amount: Decimal
    fee: Decimal
    rate: Decimal | None = None
    at: float
    recipient: dict[str, Any] | None = attrs.field(default=None, repr=False)
    source: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """Keys of source_information that are known; the others are shown as null."""
    payee_email: str | None = attrs.field(default=None, repr=False)
    instruction: dict[str, Any] | None = attrs.field(default=None, repr=False)
    """Question and answer of an Interac payout."""
    swap: dict[str, Any] | None = None
    account: Account | None = None
    through_api: bool = True
    failure_reason: str | None = None
    refund: Refund | None = None

    @property
    def currency(self) -> str:
        """The source currency's code."""
        return self.wallet.currency.code

    @property
    def net(self) -> Decimal:
        """The amount without the fee."""
        return self.amount - self.fee

    @property
    def is_open(self) -> bool:
        """Whether its end is still to come."""
        return self.status in {"PENDING", "PROCESSING"}


class Treasury:
    """The book of the money areas; one per platform: `platform.book(Treasury)`."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.settlement = Settlement.at_once()
        self.hide_open = False
        """Whether the transaction endpoints show only what is at its end (transactions_get x-uncertain)."""
        self.disabled: set[str] = set()
        """What the business is not allowed: `card`, `open_banking`, `crypto`, `interac`, `swap`."""
        self.transactions: dict[str, Transaction] = {}
        self.refunds: dict[str, Refund] = {}
        self.accounts: dict[str, Account] = {}
        self.due_diligence = False
        """Whether the business itself is under Enhanced Due Diligence."""
        self.ends: dict[str, Callable[[str], None]] = {}
        """What brings a payout, collection, refund or virtual account to an outcome, by its id; a second end is ignored."""
        self.accepted: set[str] = set()
        """Numbers of incoming Interac transfers that were taken already."""
        self._by_reference: dict[str, Transaction] = {}
        self._by_merchant_reference: dict[str, Transaction] = {}
        self._held: dict[tuple[str, str], Decimal] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.wallets = {
            each.code: Wallet(id=platform.new_id(), currency=each) for each in CURRENCIES if each.code in START_BALANCES
        }
        for code, amount in START_BALANCES.items():
            self.move(code, amount, OUTSIDE, self.wallets[code].id)
        platform.clockwork.append(self.pass_time)

    # Money

    def balance(self, wallet: Wallet) -> Decimal:
        """Give what a wallet holds."""
        return self.holding(wallet.id, wallet.currency.code)

    def holding(self, holder: str, currency: str) -> Decimal:
        """Give what a wallet's id or one of OUTSIDE, FEES and EXCHANGE holds of a currency."""
        return self._held.get((holder, currency), Decimal(0))

    def move(self, currency: str, amount: Decimal, source: str, destination: str) -> None:
        """Take an amount from one holder to another: nothing is ever made or lost."""
        self._held[source, currency] = self.holding(source, currency) - amount
        self._held[destination, currency] = self.holding(destination, currency) + amount

    def require_funds(self, wallet: Wallet, amount: Decimal) -> None:
        """Refuse the call unless a wallet holds an amount (payouts_initiate)."""
        if self.balance(wallet) < amount:
            raise refuse(400, "Insufficient funds.")

    def wallet(self, wallet_id: object) -> Wallet | None:
        """Find a wallet by id."""
        return next((each for each in self.wallets.values() if each.id == wallet_id), None)

    # Transactions

    def add(self, transaction: Transaction) -> Transaction:
        """Keep a new transaction, findable by its references."""
        self.transactions[transaction.id] = transaction
        self._by_reference.setdefault(transaction.reference, transaction)
        if transaction.merchant_reference is not None:
            self._by_merchant_reference[transaction.merchant_reference] = transaction
        return transaction

    def knows_merchant_reference(self, reference: str) -> bool:
        """Tell whether a payout or collection was made with a merchant reference."""
        return reference in self._by_merchant_reference

    def find(self, key: str) -> Transaction | None:
        """Find a transaction by id, then reference, then merchant reference (transactions_get)."""
        return self.transactions.get(key) or self._by_reference.get(key) or self._by_merchant_reference.get(key)

    # Time

    def at(self, when: float, action: Callable[[float], None]) -> None:
        """Plan what shall happen at a moment; the action is given the moment."""
        heapq.heappush(self._due, (when, next(self._order), action))

    def later(self, action: Callable[[float], None], halfway: Callable[[float], None] | None = None) -> None:
        """Plan what ends something begun now, as the settlement says.

        Args:
            action: the end; it is given its moment.
            halfway: what happens at half time, when the end is not at once.
        """
        now, seconds = self.platform.now(), self.settlement.seconds
        if seconds == 0:
            self.platform.aftermath.append(lambda: action(now))
        elif seconds is not None:
            if halfway is not None:
                self.at(now + seconds / 2, halfway)
            self.at(now + seconds, action)

    def pass_time(self) -> None:
        """Let happen what is due."""
        now = self.platform.now()
        while self._due and self._due[0][0] <= now:
            when, _, action = heapq.heappop(self._due)
            action(when)
