"""Swaps between two wallets of the business, at least one of them crypto: each takes effect once per Idempotency-Key."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import attrs

from . import crypto_wallets, treasury
from .clock import stamp
from .crypto import require_crypto
from .crypto_payouts import amount_of, require_balance
from .crypto_wallets import RATES, Crypto
from .exchange import Answer
from .idempotency import once
from .pricing import pair
from .treasury import EXCHANGE, Transaction, Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS"]


@attrs.frozen(kw_only=True)
class _CryptoSide:
    """One side of a swap that is a crypto wallet."""

    book: Crypto
    wallet: crypto_wallets.Wallet

    @property
    def code(self) -> str:
        return self.wallet.asset.symbol

    @property
    def balance(self) -> Decimal:
        return self.wallet.balance

    @property
    def dollars(self) -> Decimal:
        return RATES[self.code]

    def round(self, amount: Decimal) -> Decimal:
        return self.wallet.asset.round(amount)

    def move(self, change: Decimal) -> None:
        self.book.pay_in(self.wallet, change)


@attrs.frozen(kw_only=True)
class _FiatSide:
    """One side of a swap that is a fiat wallet."""

    book: Treasury
    wallet: treasury.Wallet

    @property
    def code(self) -> str:
        return self.wallet.currency.code

    @property
    def balance(self) -> Decimal:
        return self.book.balance(self.wallet)

    @property
    def dollars(self) -> Decimal:
        rate = pair("USD", self.code)
        return Decimal(1) / rate.value if rate is not None else Decimal(1)

    def round(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal(1).scaleb(-self.wallet.currency.places), rounding=ROUND_DOWN)

    def move(self, change: Decimal) -> None:
        ends = (EXCHANGE, self.wallet.id) if change > 0 else (self.wallet.id, EXCHANGE)
        self.book.move(self.code, abs(change), *ends)


_Side = _CryptoSide | _FiatSide


def swap(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_create_swap`: done when it is answered, at the rate of the moment and without a fee."""
    require_crypto(platform)
    body, errors = call.json(), Errors()
    errors.check("CryptoSwapRequest", body, "events")
    errors.require(body, ("from_wallet", "to_wallet"))
    errors.refuse()
    source, target = (_side(platform, errors, name, body[name]) for name in ("from_wallet", "to_wallet"))
    amount = amount_of(errors, body["amount"])
    if source is None or target is None:
        raise errors.refusal()
    if isinstance(source, _FiatSide) and isinstance(target, _FiatSide):
        errors.say("to_wallet", "Use the swap endpoint to swap between two fiat wallets.")
    if source.wallet is target.wallet:
        errors.say("to_wallet", "The wallets must be different.")
    if source.round(amount) != amount:
        errors.say("amount", f"The amount has more decimals than {source.code}.")
    require_balance(errors, source.balance, amount)
    errors.refuse()
    with localcontext(prec=80):
        rate = (source.dollars / target.dollars).quantize(Decimal("1e-18"), rounding=ROUND_DOWN).normalize()
        gained = target.round(amount * rate)
    source.move(-amount)
    target.move(gained)
    legs = [_leg(platform, source, "out", amount, call.at), _leg(platform, target, "in", gained, call.at)]
    fiat = next((leg for leg, side in zip(legs, (source, target), strict=True) if isinstance(side, _FiatSide)), None)
    out, into = (None if isinstance(side, _FiatSide) else leg for leg, side in zip(legs, (source, target), strict=True))
    for leg, other in ((out, into), (into, out)):
        if leg is not None:
            leg.update(
                target_currency=target.code,
                target_amount=f"{gained:f}",
                rate=f"{rate:f}",
                counterparty_transaction_id=None if other is None else other["id"],
                counterparty_transaction=_brief(other),
                fiat_transaction_id=None if fiat is None else fiat["id"],
                fiat_transaction=fiat,
            )
            platform.book(Crypto).transactions[leg["id"]] = leg
    data = {
        "type": "swap",
        "from_wallet_id": source.wallet.id,
        "to_wallet_id": target.wallet.id,
        "from_amount": f"{amount:f}",
        "fee": "0.00",
        "rate": f"{rate:f}",
        "to_amount": f"{gained:f}",
        "fiat_transaction_id": None if fiat is None else fiat["id"],
        "fiat_transaction": fiat,
        "from_transaction_id": None if out is None else out["id"],
        "from_transaction": _brief(out),
        "to_transaction_id": None if into is None else into["id"],
        "to_transaction": _brief(into),
    }
    return Answer(body={"message": "Crypto swap processed successfully.", "data": data})


def _side(platform: Platform, errors: Errors, name: str, wallet_id: str) -> _Side | None:
    crypto, fiat = platform.book(Crypto), platform.book(Treasury)
    if wallet_id in crypto.wallets:
        return _CryptoSide(book=crypto, wallet=crypto.wallets[wallet_id])
    wallet = fiat.wallet(wallet_id)
    if wallet is not None:
        return _FiatSide(book=fiat, wallet=wallet)
    errors.say(name, f"The selected {name.replace('_', ' ')} is invalid.")
    return None


def _leg(platform: Platform, side: _Side, way: str, amount: Decimal, at: float) -> dict[str, Any]:
    if isinstance(side, _FiatSide):
        return _fiat_leg(platform, side, amount, at)
    write = side.wallet.asset.write
    return {
        "id": platform.new_id(),
        "wallet_id": side.wallet.id,
        "customer_id": None,
        "type": "swap",
        "direction": way,
        "status": "successful",
        "reference": side.book.new_reference(),
        "currency": side.code,
        "amount": write(amount),
        "fee": write(Decimal(0)),
        "net_amount": write(amount),
        "balance_change": write(-amount if way == "out" else amount),
        "address": None,
        "network": None,
        "transaction_hash": None,
        "created_at": stamp(at),
        "updated_at": stamp(at),
    }


def _fiat_leg(platform: Platform, side: _FiatSide, amount: Decimal, at: float) -> dict[str, Any]:
    """Enter the fiat leg among the fiat transactions, where it can be read too (crypto_get_transaction)."""
    entered = side.book.add(
        Transaction(
            id=platform.new_id(),
            type="swap",
            method="swap",
            customer_id=None,
            wallet=side.wallet,
            status="SUCCESSFUL",
            reference=platform.new_id(),
            amount=amount,
            fee=Decimal(0),
            at=at,
        )
    )
    return {
        "id": entered.id,
        "wallet_id": side.wallet.id,
        "reference": entered.reference,
        "status": entered.status,
        "currency": side.code,
        "amount": f"{amount:f}",
        "fee": f"{side.round(Decimal(0)):f}",
        "net_amount": f"{amount:f}",
        "created_at": stamp(at),
    }


def _brief(leg: dict[str, Any] | None) -> dict[str, Any] | None:
    names = ("id", "wallet_id", "type", "direction", "status", "currency", "amount")
    return None if leg is None else {name: leg[name] for name in names}


HANDLERS = {"crypto_create_swap": once(swap)}
