"""Wallets: the one of a currency."""

import pytest

from blaaiz_async import InvalidRequestError
from tests.services.money_platform import Platform, documented

pytestmark = pytest.mark.anyio

ROWS = documented("wallets_list", "wallets")


async def test_the_wallet_of_a_currency_is_the_only_active_one() -> None:
    closed = {**ROWS[1], "id": "closed", "is_active": False}
    async with Platform(wallet=[closed, *ROWS]).client() as blaaiz:
        assert (await blaaiz.wallets.by_currency("CAD")).id == "wallet_cad_456"
        with pytest.raises(InvalidRequestError, match="0 active wallets hold USD"):
            await blaaiz.wallets.by_currency("USD")


async def test_no_wallet_is_chosen_among_several() -> None:
    async with Platform(wallet=[*ROWS, {**ROWS[1], "id": "other"}]).client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="2 active wallets hold CAD"):
            await blaaiz.wallets.by_currency("CAD")
