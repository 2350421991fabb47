"""How a process goes on that has lost sight of the others that share its limits."""

import math
from typing import Literal

from blaaiz_async.core.quota import Told


class Alone:
    """What a process may still take when nobody tells it what the others take: what isn't known is taken as used.

    Of the short window nothing is spare at first. One call goes as a probe, whichever lane it comes from; where it is known
    that nothing remains, a bulk call does so only in place of one of ours that has come back. If its answer
    tells how many calls remain, this process takes its part of those, once, until the platform's window ends; if it
    doesn't, nothing more goes until a whole window has passed, when all that the others held before has come back. From
    then on the process keeps to its share of the limit.

    So `processes` processes together break the limit by at most one call each, and only if the answers tell nothing or
    nothing remained: those are the probes.

    No answer tells the count of the long window. Beyond what is spare there for certain, calls go one at a time.

    Args:
        now: The present moment.
        length: Seconds of the short window.
        hour: Seconds of the long window.
        processes: How many share the limits, this one among them.
        in_flight: Calls under way, whose answers may tell a count from before.
        spare_hour: Slots of the long window that this process may take for certain.
        interactive_from: When an interactive call may go as a probe.
        bulk_from: The same for a bulk call.
        probed_until: When a probe that told nothing allows the next; for a process that loses sight of the others again.
    """

    def __init__(
        self,
        now: float,
        *,
        length: float,
        hour: float,
        processes: int,
        in_flight: int,
        spare_hour: float,
        interactive_from: float = -math.inf,
        bulk_from: float = -math.inf,
        probed_until: float = -math.inf,
    ) -> None:
        self._processes = processes
        self._until, self._hour_until = now + length, now + hour
        self._before, self._since = in_flight, 0  # calls under way: from before, and taken since
        self._remaining = math.inf  # the fewest that an answer told; a late one may be from before
        self._spare = math.inf  # once the count is known
        self._spare_hour = spare_hour
        self._from = {"interactive": interactive_from, "bulk": bulk_from}
        self._knows = False
        self.probed_until = probed_until
        """When a probe that told nothing allows the next; minus infinity if there was none."""

    def probes(self, now: float) -> bool:
        """Tell whether this process doesn't know yet what the others have used, so that its next call is a probe."""
        return now < self._until and not self._knows

    def delay(self, now: float, priority: Literal["interactive", "bulk"]) -> float:
        """Return the seconds until a lane's call may go, as far as the others matter; infinity if an answer decides."""
        if self.probes(now):
            if self._since:
                return math.inf
            return max(0.0, min(max(self.probed_until, self._from[priority]), self._until) - now)
        if now < self._until and self._spare < 1:
            return self._until - now
        if now < self._hour_until and self._spare_hour < 1 and self._since:
            return math.inf
        return 0.0

    def took(self) -> None:
        """Count a call that goes."""
        self._since += 1
        self._spare -= 1
        self._spare_hour -= 1

    def freed(self) -> None:
        """Take a call back that was never sent."""
        if not self._since:
            self._before -= 1
            return
        self._since -= 1
        self._spare += 1
        self._spare_hour += 1

    def answered(self, now: float, told: Told) -> None:
        """Learn from an answer, or from one that was lost and told nothing.

        Calls aren't told apart: those from before count as answered first, and the fewest remaining that any told counts.
        """
        if told.count is not None:
            self._remaining = min(self._remaining, told.count.remaining)
        if self._before:
            self._before -= 1
            return
        self._since -= 1
        if not self.probes(now):
            return
        if told.count is None:
            self.probed_until = self._until
            return
        self._knows = True
        self._until = min(self._until, now + told.count.reset_in)
        # The others' probes may be under way, and each of the others takes its part too.
        self._spare = (self._remaining - (self._processes - 1)) // self._processes
