"""What the headers of an answer tell, however odd they are."""

import httpx
import pytest

from blaaiz_async import AsyncBlaaiz, BlaaizError, MemoryTokenStore, RateBudget, RateLimitError, RetryPolicy
from blaaiz_async.core import quota, reading
from blaaiz_async.core.operation import OPERATIONS
from blaaiz_async.core.transport import Reply

FAR = "Mon, 01 Jan 99999999999999 00:00:00 GMT"
ODD: list[dict[str, str]] = [
    {"retry-after": FAR},
    {"retry-after": "9" * 400},
    {"retry-after": "\u00b2"},
    {"date": FAR, "x-ratelimit-limit": "5", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "5"},
    {"x-ratelimit-limit": "9" * 5000, "x-ratelimit-remaining": "1"},
    {"x-ratelimit-limit": "9" * 400, "x-ratelimit-remaining": "1"},
    {"x-ratelimit-limit": "5", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9" * 400},
]


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("headers", ODD)
def test_headers_that_are_no_numbers_tell_nothing(status: int, headers: dict[str, str]) -> None:
    told = quota.read(status, headers, minute=60.0, hour=3600.0, wall=lambda: 0.0)
    assert told.pause is None if status == 200 else told.pause is not None
    assert told.count is None or told.count.limit == 5


@pytest.mark.parametrize("after", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_429_that_says_at_once_pauses_all_the_same(after: str) -> None:
    told = quota.read(429, {"retry-after": after}, minute=60.0, hour=3600.0, wall=lambda: 10.0)
    assert quota.CLOCK_GRAIN == told.pause


def test_a_date_to_come_again_at_is_read_by_the_platforms_own_clock() -> None:
    noon, later = "Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:01:30 GMT"
    headers = httpx.Headers({"date": noon, "retry-after": later})
    told = quota.read(429, headers, minute=60.0, hour=3600.0, wall=lambda: 0.0)
    assert 90.0 == told.pause
    reply = Reply(status=429, headers=headers, body=b'{"message": "Too Many Attempts."}')
    error = reading.error(OPERATIONS["customers_list"], reply, None)
    assert isinstance(error, RateLimitError)
    assert 90.0 == error.retry_after


@pytest.mark.anyio
@pytest.mark.parametrize("headers", ODD)
@pytest.mark.parametrize("paced", [True, False])
async def test_only_our_errors_leave_whatever_the_headers_say(headers: dict[str, str], paced: bool) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        totals = {"data": [], "total": "\u00b2", "current_page": "9" * 5000}
        return httpx.Response(429 if "retry-after" in headers else 200, json=totals, headers=raw)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http_client,
        AsyncBlaaiz(
            client_id="an-id",
            client_secret="a-secret",
            base_url="https://platform.test",
            http_client=http_client,
            retry=RetryPolicy(max_attempts=2, wait_initial=0.0, deadline=0.05),
            budget=RateBudget() if paced else None,
            token_store=MemoryTokenStore(),
        ) as blaaiz,
    ):
        try:
            assert () == (await blaaiz.customers.list_page()).items
        except BlaaizError:
            assert "retry-after" in headers
