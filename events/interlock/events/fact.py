"""How the project writes down a value: slots, keywords only, never changed after it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def fact(cls: type[T]) -> type[T]:
    """Make `cls` a keyword-only dataclass with slots that the type checker treats as frozen.

    It is not frozen at run time: a frozen dataclass of ten fields costs 1.7 µs to make, one with
    slots 0.45 µs, and a decision makes dozens of them. Nothing assigns to a fact: the type
    checker refuses it.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
