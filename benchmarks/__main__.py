"""Measure: `python -m benchmarks [--quick] [NAME …]`, with names as below; all of them if none is given.

Exits with 1 when a promise was found broken.
"""

import importlib
import platform
import sys

NAMES = ("cost", "pacing", "webhooks", "receiver", "faults", "memory", "fleet")
"""The modules here that measure something; each has a `main` that prints a table and tells whether its promises held."""


def main() -> None:
    quick, named = "--quick" in sys.argv[1:], [name for name in sys.argv[1:] if name != "--quick"]
    if unknown := set(named) - set(NAMES):
        sys.exit(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(f"Python {platform.python_version()}; each row is one run")
    held = True
    for name in named or NAMES:
        print(f"\n## {name}\n", flush=True)
        held = importlib.import_module(f"benchmarks.{name}").main(quick=quick) and held
    sys.exit(not held)


if __name__ == "__main__":
    main()
