import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.server import running


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


@pytest.fixture
def base_url(sandbox: Sandbox) -> Iterator[str]:
    with running(sandbox) as url:
        yield url
