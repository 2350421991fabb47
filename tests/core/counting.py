"""A platform that does nothing but count calls."""


class Platform:
    """Counts calls as a platform may: in fixed windows from the first call on, or in sliding ones."""

    def __init__(self, *, limit: int, length: float = 60.0, sliding: bool = False, used_by_others: int = 0) -> None:
        self.limit = limit
        self.length = length
        self.sliding = sliding
        self.calls: list[float] = []
        self.opened: float | None = None
        self.counted = 0
        self.others = used_by_others
        self.refused = 0
        self.accepted = 0

    def call(self, now: float) -> tuple[int, dict[str, str]]:
        if self.sliding:
            self.calls = [moment for moment in self.calls if moment > now - self.length]
            used, reset = len(self.calls), self.length
        else:
            if self.opened is None or now >= self.opened + self.length:
                self.opened, self.counted = now, self.others
                self.others = 0
            used, reset = self.counted, self.opened + self.length - now
        if used >= self.limit:
            self.refused += 1
            return 429, {"retry-after": str(int(reset) + 1)}
        self.calls.append(now)
        self.counted += 1
        self.accepted += 1
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - used - 1),
            "x-ratelimit-reset": str(int(now + reset) + 1),
        }
        return 200, headers
