"""Crypto wallets, addresses and transactions as the business holds them, and the knobs that stand for the chain."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Literal

import attrs

from .clock import stamp
from .exchange import refuse

if TYPE_CHECKING:
    from .state import Platform

__all__ = ["ASSETS", "RATES", "Address", "Asset", "Crypto", "Wallet", "fee_of"]

_FEE = Decimal("0.01")


@attrs.frozen(kw_only=True)
class Asset:
    """One coin and its networks, each with the contract's address or None."""

    id: int
    symbol: str
    name: str
    decimals: int
    networks: Mapping[str, str | None]

    def write(self, amount: Decimal) -> str:
        """Write an amount as the API does, with all the asset's decimals."""
        return f"{self.round(amount):f}"

    def round(self, amount: Decimal) -> Decimal:
        """Cut an amount to the asset's decimals."""
        with localcontext(prec=80):
            return amount.quantize(Decimal(1).scaleb(-self.decimals), rounding=ROUND_DOWN)


_USDC = {
    "ETHEREUM_MAINNET": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    "MATIC_MAINNET": "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
}
_USDT = {
    "ETHEREUM_MAINNET": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
    "TRON_MAINNET": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
}
ASSETS = (
    Asset(id=1, symbol="USDC", name="USD Coin", decimals=6, networks=_USDC),
    Asset(id=2, symbol="USDT", name="Tether USD", decimals=6, networks=_USDT),
    Asset(id=3, symbol="BTC", name="Bitcoin", decimals=8, networks={"BITCOIN_MAINNET": None}),
    Asset(id=4, symbol="ETH", name="Ether", decimals=18, networks={"ETHEREUM_MAINNET": None}),
)
RATES: Mapping[str, Decimal] = {"USDC": Decimal(1), "USDT": Decimal(1), "BTC": Decimal(60000), "ETH": Decimal(4000)}
"""What one unit is worth in USD."""

_OPENING = {"USDC": Decimal(10000), "BTC": Decimal(1), "ETH": Decimal(10)}
"""The wallets that the business has from the start; USDT has none, so that one can be created."""


@attrs.define(kw_only=True)
class Wallet:
    """A crypto wallet of the business."""

    id: str
    asset: Asset
    balance: Decimal
    created_at: float
    updated_at: float


@attrs.frozen(kw_only=True)
class Address:
    """A deposit address."""

    id: str
    wallet_id: str
    customer_id: str | None
    address: str
    network: str


class Crypto:
    """Everything crypto, and what a test may do in the chain's and the provider's place."""

    def __init__(self, platform: Platform) -> None:
        self.enabled = True
        """Whether the business has crypto access; every call answers 403 if not."""
        self.outcome: Literal["successful", "failed"] | None = "successful"
        """What becomes of payouts right after they are answered; None leaves them processing."""
        self.addresses_pending = False
        """Whether new customer addresses wait for the provider: creating them answers 409."""
        self.wallets: dict[str, Wallet] = {}
        self.addresses: list[Address] = []
        self.transactions: dict[str, dict[str, Any]] = {}
        self._platform = platform
        for asset in ASSETS:
            if asset.symbol in _OPENING:
                self.open_wallet(asset, _OPENING[asset.symbol])

    # What a test may do

    def settle(
        self, transaction_id: str, outcome: Literal["successful", "failed"], *, reason: str = "The transfer failed."
    ) -> None:
        """Bring a payout to its end: successful with a hash, or failed with the money back in the wallet.

        Args:
            transaction_id: the payout.
            outcome: its final status.
            reason: of a failure, as the webhook tells it.

        Raises:
            KeyError: there is no such transaction.
            ValueError: it is not processing any more.
        """
        platform = self._platform
        with platform.lock:
            payout = self.transactions[transaction_id]
            if payout["status"] != "processing":
                raise ValueError(f"the transaction is {payout['status']}, not processing")
            payout.update(status=outcome, updated_at=stamp(platform.now()))
            if outcome == "successful":
                payout["transaction_hash"] = f"0x{platform.new_secret()}"
                self.tell(payout)
            else:
                self.pay_in(self.wallets[payout["wallet_id"]], Decimal(payout["amount"]))
                self.tell(payout, failure_reason=reason)

    def deposit(self, address: str, amount: Decimal | int | str, *, source: str | None = None) -> str:
        """Let coins arrive at a deposit address, and return the id of the transaction that the webhook tells of.

        Args:
            address: the address, as the API shows it.
            amount: how much, in units of the asset.
            source: where it came from.

        Raises:
            KeyError: the business has no such address.
        """
        platform = self._platform
        with platform.lock:
            at = next((each for each in self.addresses if each.address == address), None)
            if at is None:
                raise KeyError(address)
            wallet, gross = self.wallets[at.wallet_id], Decimal(amount)
            fee = fee_of(wallet.asset, gross)
            self.pay_in(wallet, gross - fee)
            event: dict[str, Any] = {
                "event": "crypto.deposit.successful",
                "transaction_id": platform.new_id(),
                "transaction_reference": self.new_reference(),
                "transaction_status": "SUCCESSFUL",
                "wallet_id": wallet.id,
                "customer_id": at.customer_id,
                "currency": wallet.asset.symbol,
                "amount": wallet.asset.write(gross),
                "fee": wallet.asset.write(fee),
                "net_amount": wallet.asset.write(gross - fee),
                "network": at.network,
                "token": wallet.asset.symbol,
                "source_address": source,
                "transaction_hash": f"0x{platform.new_secret()}",
                "event_id": platform.new_id(),
                "type": "crypto.deposit.successful",
            }
            platform.events.append(event)
            return str(event["transaction_id"])

    # What the handlers need

    def find(self, wallet_id: str) -> Wallet:
        """Find a wallet, or refuse with 404."""
        if wallet_id not in self.wallets:
            raise refuse(404, "Crypto wallet not found.")
        return self.wallets[wallet_id]

    def open_wallet(self, asset: Asset, balance: Decimal) -> Wallet:
        """Open a wallet with one address of the business on every network."""
        platform = self._platform
        at = platform.now()
        wallet = Wallet(id=platform.new_id(), asset=asset, balance=balance, created_at=at, updated_at=at)
        self.wallets[wallet.id] = wallet
        self.open_addresses(wallet, None)
        return wallet

    def open_addresses(self, wallet: Wallet, customer_id: str | None) -> list[Address]:
        """Make one address on every network of a wallet."""
        platform = self._platform
        made = [
            Address(
                id=platform.new_id(),
                wallet_id=wallet.id,
                customer_id=customer_id,
                address=f"0x{platform.new_secret()[:40]}",
                network=network,
            )
            for network in wallet.asset.networks
        ]
        self.addresses += made
        return made

    def pay_in(self, wallet: Wallet, amount: Decimal) -> None:
        """Add to a wallet, or take away with a negative amount."""
        with localcontext(prec=80):
            wallet.balance += amount
        wallet.updated_at = self._platform.now()

    def new_reference(self) -> str:
        """Make a transaction reference."""
        return f"CRYPTO-{self._platform.new_secret()[:12].upper()}"

    def tell(self, payout: Mapping[str, Any], **more: str) -> None:
        """Announce where a payout stands: events write the status in capitals, reads do not."""
        event = f"crypto.payout.{payout['status']}"
        self._platform.events.append(
            {
                "event": event,
                "transaction_id": payout["id"],
                "transaction_reference": payout["reference"],
                "transaction_status": payout["status"].upper(),
                "wallet_id": payout["wallet_id"],
                "currency": payout["currency"],
                "amount": payout["amount"],
                "network": payout["network"],
                "token": payout["target_currency"],
                "address": payout["address"],
                "transaction_hash": payout["transaction_hash"],
                **more,
                "event_id": self._platform.new_id(),
                "type": event,
            }
        )


def fee_of(asset: Asset, amount: Decimal) -> Decimal:
    """Give the fee of moving an amount: one per cent, cut to the asset's decimals."""
    with localcontext(prec=80):
        return asset.round(amount * _FEE)
