"""asyncio alone: redis-py has no other."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
