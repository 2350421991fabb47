"""What all services share."""

from blaaiz_async.core.caller import Caller


class Service:
    """One API area."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._call = caller.call
