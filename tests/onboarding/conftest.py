from collections.abc import Iterator

import pytest

from blaaiz_async.sandbox import Limits, Sandbox
from blaaiz_async.sandbox.server import running


@pytest.fixture
def sandbox() -> Sandbox:
    credentials = {"sandbox-client": "sandbox-secret", "rotated": "rotated-secret"}
    return Sandbox(credentials=credentials, limits=Limits(per_minute=100_000, per_hour=1_000_000))


@pytest.fixture
def base_url(sandbox: Sandbox) -> Iterator[str]:
    with running(sandbox) as url:
        yield url
