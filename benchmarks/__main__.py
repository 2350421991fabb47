"""Print the table: `python -m benchmarks [--quick]`."""

import platform
import sys

from benchmarks import cost, pacing


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    rounds, calls = (3, 200) if quick else (9, 600)
    print(f"Python {platform.python_version()}; each row is one run; CPU of the client's process per typed customers.get\n")
    print("| connection | in flight | ours, µs | ours : bare httpx on aiohttp | plain httpx : ours | official SDK : ours |")
    print("|---|---:|---:|---:|---:|---:|")
    for tls in (False, True):
        for in_flight in (1, 16, 64):
            row = cost.measure(tls=tls, in_flight=in_flight, rounds=rounds, calls=calls)
            print(
                f"| {'TLS' if tls else 'plain'} | {in_flight} | {row.ours:.0f} | {row.ours / row.bare:.2f} "
                f"| {row.plain_httpx / row.ours:.2f} | {row.official / row.ours:.2f} |",
                flush=True,
            )
    print(f"\n{pacing.CALLS} calls against a sandbox limit of 1,200 a minute (120 in 6 s)\n")
    print("| lane | budget used | 429s met | seconds |")
    print("|---|---:|---:|---:|")
    for priority in ("interactive", "bulk"):
        run = pacing.measure(priority)
        print(f"| {priority} | {run.share:.1%} | {run.refused} | {run.seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
