"""`python -m blaaiz_async.cli` is `blaaiz-async`."""

from blaaiz_async.cli import main

main()
