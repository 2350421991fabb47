"""Signa ID: the public call stays public, and a one-time code is spent once."""

import pytest

from blaaiz_async import InvalidRequestError, OutcomeUnknownError
from tests.services.scripted import Scripted, documented

pytestmark = pytest.mark.anyio

RELEASE = {"purpose": "Open your account", "scopes": ["identity"], "origin": "https://example.com"}


async def test_wallet_status_needs_no_scope_and_sends_no_token() -> None:
    platform = Scripted(documented("signa_id_get_wallet_status", "verified"))
    async with platform.client(scopes="wallet:read") as blaaiz:
        status = await blaaiz.signa_id.get_wallet_status("0xAb5801a7", chain_id=8453)
    assert status.verified
    assert "authorization" not in platform.asked[0].headers
    assert platform.asked[0].url.params["chain_id"] == "8453"


async def test_a_one_time_code_is_not_sent_again_after_a_lost_answer() -> None:
    platform = Scripted(504)
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.signa_id.exchange_release_code("one-time-code")
    assert len(platform.asked) == 1


@pytest.mark.parametrize("origin", ["https://example.com/", "https://example.com/page", "example.com"])
async def test_an_origin_that_no_page_can_have_is_refused(origin: str) -> None:
    async with Scripted(500).client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="origin"):
            await blaaiz.signa_id.create_release_request({**RELEASE, "origin": origin})


async def test_released_data_shows_in_no_repr() -> None:
    async with Scripted(documented("signa_id_exchange_release_code")).client() as blaaiz:
        read = await blaaiz.signa_id.exchange_release_code("one-time-code")
    assert read.data is not None
    assert read.data.identity is not None
    assert read.data.identity.last_name
    assert read.data.identity.last_name not in repr((read, read.data, read.data.identity))
