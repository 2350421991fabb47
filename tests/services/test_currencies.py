"""Currencies: one code may belong to several countries."""

import pytest

from blaaiz_async import InvalidRequestError
from tests.services.money_platform import Platform, documented

pytestmark = pytest.mark.anyio


async def test_a_shared_code_is_found_by_its_country() -> None:
    async with Platform(currency=documented("currencies_list", "with_country")).client() as blaaiz:
        assert (await blaaiz.currencies.find("XOF", country="CI")).id == "13"
        with pytest.raises(InvalidRequestError, match="give one as country: BJ, CI"):
            await blaaiz.currencies.find("XOF")
        with pytest.raises(InvalidRequestError, match="XOF in NG is no active currency"):
            await blaaiz.currencies.find("XOF", country="NG")


async def test_a_code_of_its_own_is_found_without_a_country() -> None:
    rows = documented("currencies_list", "currencies")
    async with Platform(currency={"message": "", "data": rows}).client() as blaaiz:
        assert (await blaaiz.currencies.find("NGN")).id == "currency_001"
        with pytest.raises(InvalidRequestError, match="KES is no active currency"):
            await blaaiz.currencies.find("KES")
