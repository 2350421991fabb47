"""Eight real processes against a served sandbox, in windows of some seconds."""

from benchmarks import fleet
from benchmarks.redis_server import RedisServer


def test_a_fleet_that_loses_two_processes_uses_the_limit_meets_no_429_and_fetches_one_token(
    redis_server: RedisServer,
) -> None:
    run = fleet.measure(redis_url=redis_server.url, per_minute=60, minute=2.0, kill=2)
    assert (0, 1) == (run.refused, run.tokens)
    assert run.share > 0.5  # a machine may be slow; `python -m benchmarks fleet` measures it


def test_processes_that_only_see_the_headers_meet_a_429_at_most_once_a_window() -> None:
    # Windows long enough for a busy machine: a process that runs a second late is a third of a short one late.
    run = fleet.measure(redis_url=None, per_minute=60, minute=6.0, interactive=False)
    assert run.refused_most <= 1
    assert fleet.PROCESSES == run.tokens
