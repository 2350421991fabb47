"""Importing the package costs next to nothing above its own dependencies."""

import os
import statistics
import subprocess
import sys

MEASURE = "import time; started = time.process_time(); import {}; print(time.process_time() - started)"
FIVE = "httpx, anyio, attrs, cattrs, tenacity"
BUDGET = 0.050


def _printed_by(program: str) -> str:
    # Without coverage, whose tracing would be measured too.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=variables)
    return run.stdout.strip()


def _cpu_of(modules: str) -> float:
    return float(_printed_by(MEASURE.format(modules)))


def test_the_import_budget_holds() -> None:
    differences = [_cpu_of(f"{FIVE}, blaaiz_async") - _cpu_of(FIVE) for _ in range(7)]
    assert statistics.median(differences) <= BUDGET


def test_the_package_loads_nothing_before_it_is_used() -> None:
    program = "import sys, blaaiz_async; print(*sorted(m for m in sys.modules if m.startswith('blaaiz_async.')))"
    assert "" == _printed_by(program)


def test_every_public_name_is_there() -> None:
    import blaaiz_async

    for name in blaaiz_async.__all__:
        assert name == getattr(getattr(blaaiz_async, name), "__name__", name)
    assert set(blaaiz_async.__all__) == set(dir(blaaiz_async))
