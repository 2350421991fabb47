"""Wallets of the business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exchange import Answer, refuse
from .treasury import Treasury

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform
    from .treasury import Wallet

__all__ = ["HANDLERS"]


def list_(platform: Platform, _: Exchange) -> Answer:
    """Answer `wallets_list`."""
    treasury = platform.book(Treasury)
    return Answer(body=[_shown(treasury, each) for each in treasury.wallets.values()])


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `wallets_get`."""
    treasury = platform.book(Treasury)
    wallet = treasury.wallet(call.params["id"])
    if wallet is None:
        raise refuse(404, "Wallet not found")
    return Answer(body=_shown(treasury, wallet))


def _shown(treasury: Treasury, wallet: Wallet) -> dict[str, Any]:
    return {
        "id": wallet.id,
        "business_id": treasury.platform.business_id,
        "currency": wallet.currency.code,
        "currency_id": str(wallet.currency.id),
        "amount": treasury.balance(wallet),
        "is_active": wallet.is_active,
    }


HANDLERS = {"wallets_list": list_, "wallets_get": get}
