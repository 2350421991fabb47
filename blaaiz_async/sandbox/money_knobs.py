"""What a test or a job may steer of the money areas."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from .collecting import open_collection
from .exchange import Refusal
from .treasury import FEES, OUTSIDE, Settlement, Treasury
from .virtual_accounts import make_ready, open_account

if TYPE_CHECKING:
    from .state import Platform
    from .treasury import Account, Wallet

__all__ = ["MoneyKnobs"]

Feature = Literal["card", "open_banking", "crypto", "interac", "swap"]


class MoneyKnobs:
    """The money side of a `Sandbox`; currencies are named by code, amounts are in major units."""

    state: Platform

    @property
    def settlement(self) -> Settlement:
        """When payouts, collections, refunds and virtual accounts reach their end, for those begun from now on."""
        return self._treasury.settlement

    @settlement.setter
    def settlement(self, settlement: Settlement) -> None:
        self._treasury.settlement = settlement

    @property
    def hide_open(self) -> bool:
        """Whether the transaction endpoints show only what is at its end (contract transactions_get x-uncertain)."""
        return self._treasury.hide_open

    @hide_open.setter
    def hide_open(self, hide: bool) -> None:
        self._treasury.hide_open = hide

    @property
    def balances(self) -> dict[str, Decimal]:
        """What each wallet holds, by currency."""
        with self.state.lock:
            self.state.pass_time()
            treasury = self._treasury
            return {code: treasury.balance(wallet) for code, wallet in treasury.wallets.items()}

    @property
    def fees(self) -> dict[str, Decimal]:
        """What the platform has earned, by currency of the wallets."""
        with self.state.lock:
            self.state.pass_time()
            return {code: self._treasury.holding(FEES, code) for code in self._treasury.wallets}

    def set_balance(self, currency: str, amount: Decimal | int) -> None:
        """Let a wallet hold an amount.

        Args:
            currency: of a wallet: NGN, USD, CAD, EUR or GBP.
            amount: the new balance.

        Raises:
            KeyError: there is no such wallet.
            TypeError: the amount is a float.
        """
        exact = _exact(amount)
        with self.state.lock:
            treasury, wallet = self._treasury, self._wallet(currency)
            treasury.move(currency, exact - treasury.balance(wallet), OUTSIDE, wallet.id)

    def set_wallet_active(self, currency: str, active: bool) -> None:  # noqa: FBT001  a switch
        """Open or close a wallet."""
        with self.state.lock:
            self._wallet(currency).is_active = active

    def allow(self, feature: Feature, allowed: bool = True) -> None:  # noqa: FBT001, FBT002  a switch
        """Allow the business a feature or not; all are allowed at the start."""
        with self.state.lock:
            (self._treasury.disabled.discard if allowed else self._treasury.disabled.add)(feature)

    def settle(self, id: str, outcome: Literal["SUCCESSFUL", "FAILED", "EXPIRED", "REJECTED"] = "SUCCESSFUL") -> None:
        """Bring something open to its end by hand; what is at its end already stays as it is.

        Args:
            id: of a payout, collection, refund or virtual account.
            outcome: FAILED suits all of them, EXPIRED a collection, REJECTED a virtual account.

        Raises:
            KeyError: there is nothing with such an id.
            ValueError: what has that id cannot end so.
        """
        with self.state.lock:
            treasury = self._treasury
            end, transaction = treasury.ends[id], treasury.transactions.get(id)
            if (outcome == "EXPIRED" and (transaction is None or transaction.type != "collection")) or (
                outcome == "REJECTED" and id not in treasury.accounts
            ):
                raise ValueError(f"Only a collection is EXPIRED and only a virtual account REJECTED, not {id}.")
            end(outcome)
            self.state.settle()

    def deposit(self, account_id: str, amount: Decimal | int, *, payer: str = "John Doe", through_api: bool = True) -> str:
        """Let money arrive in a virtual account, and give the collection's id.

        Args:
            account_id: a ready virtual account.
            amount: gross, in the account's currency.
            payer: the name of the one who pays.
            through_api: whether the collection counts as made through the API, as a refund asks for.

        Raises:
            KeyError: there is no such account.
            TypeError: the amount is a float.
            ValueError: the account is not ready, or the amount is below the fee.
        """
        exact = _exact(amount)
        with self.state.lock:
            treasury = self._treasury
            account = treasury.accounts[account_id]
            if not account.is_active:
                raise ValueError(f"The virtual account is {account.status}; only a SUCCESSFUL one receives money.")
            try:
                collection = open_collection(
                    treasury,
                    wallet=account.wallet,
                    method="bank_transfer",
                    amount=exact,
                    customer_id=account.customer_id,
                    source={"account_name": payer, "account_number": "9876543210", "bank_name": "GTBank"},
                    account=account,
                )
            except Refusal as small:
                raise ValueError("The amount must be greater than the fee of a deposit.") from small
            collection.through_api = through_api
            treasury.ends[collection.id]("SUCCESSFUL")
            self.state.settle()
            return collection.id

    def set_business_account(self, currency: str, status: Literal["SUCCESSFUL", "PENDING"] | None) -> str | None:
        """Give the business its own virtual account in a currency, or take it away with None; it has one in USD at first.

        Args:
            currency: NGN, USD, EUR or GBP.
            status: of the account.

        Returns:
            the account's id.
        """
        with self.state.lock:
            treasury, wallet = self._treasury, self._wallet(currency)
            for each in list(treasury.accounts.values()):
                if each.customer_id is None and each.wallet is wallet:
                    del treasury.accounts[each.id]
            return None if status is None else _own_account(treasury, wallet, status).id

    def set_due_diligence(self, under: bool, *, customer_id: str | None = None) -> None:  # noqa: FBT001  a switch
        """Put a customer, or the business itself, under Enhanced Due Diligence, or lift it.

        Raises:
            KeyError: there is no such customer.
        """
        with self.state.lock:
            if customer_id is None:
                self._treasury.due_diligence = under
            else:
                self.state.customers[customer_id].due_diligence = under

    @property
    def _treasury(self) -> Treasury:
        return self.state.book(Treasury)

    def _wallet(self, currency: str) -> Wallet:
        return self._treasury.wallets[currency]


def _exact(amount: Decimal | int) -> Decimal:
    if isinstance(amount, float):
        raise TypeError("An amount is a Decimal or an int: a float is not exact.")
    return Decimal(amount)


def _own_account(treasury: Treasury, wallet: Wallet, status: str) -> Account:
    account = open_account(treasury, wallet, None, "Sandbox Business")
    if status == "SUCCESSFUL":
        make_ready(treasury, account)
    return account
