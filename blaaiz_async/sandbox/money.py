"""Every operation of contract/money.yaml, gathered from its rooms."""

from __future__ import annotations

from . import banks, collections, interac, payouts, rates, refunds, swaps, transactions, virtual_accounts, wallets

__all__ = ["HANDLERS"]

HANDLERS = {
    **wallets.HANDLERS,
    **rates.HANDLERS,
    **banks.HANDLERS,
    **virtual_accounts.HANDLERS,
    **collections.HANDLERS,
    **interac.HANDLERS,
    **payouts.HANDLERS,
    **refunds.HANDLERS,
    **swaps.HANDLERS,
    **transactions.HANDLERS,
}
