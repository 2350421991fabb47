"""How the platform writes and compares moments; every moment comes from the sandbox's injected clock."""

from __future__ import annotations

from datetime import UTC, date, datetime

__all__ = ["is_adult", "is_future", "is_past", "stamp", "today"]

ADULT_YEARS = 18
"""Least age of a beneficial owner (contract/customers.yaml customers_create)."""


def stamp(at: float) -> str:
    """Write an epoch second as the platform does: `2026-04-20T10:14:31.000000Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def today(at: float) -> date:
    """Give the UTC date of an epoch second."""
    return datetime.fromtimestamp(at, UTC).date()


def is_adult(born: date, on: date) -> bool:
    """Tell whether someone born on a day is 18 or older on another."""
    return (on.year - born.year - ((on.month, on.day) < (born.month, born.day))) >= ADULT_YEARS


def is_future(day: date, on: date) -> bool:
    """Tell whether a day lies strictly after another."""
    return day > on


def is_past(day: date, on: date) -> bool:
    """Tell whether a day lies strictly before another."""
    return day < on
