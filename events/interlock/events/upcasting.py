"""How stored data of an old schema becomes today's: pure functions on the data, one step each, in a chain.

A stored event is never rewritten; the step runs whenever it is read. A step gets the data as a
plain JSON object and returns a new one of the next schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]
Step = Callable[[Data], Data]


class StepTwice(TypeError):
    """two functions claim one step of an event type's history"""


class StepMissing(LookupError):
    """an event type's history has a hole: no function leads on from this schema"""


class Upcasters:
    """The steps of all event types, by type and by the schema that a step starts from."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, int], Step] = {}

    def step(self, type_name: str, *, from_schema: int) -> Callable[[Step], Step]:
        """Register the function as the step from `from_schema` to the next. Raises StepTwice."""

        def register(function: Step) -> Step:
            if (type_name, from_schema) in self._steps:
                raise StepTwice(f"{type_name} {from_schema}")
            self._steps[type_name, from_schema] = function
            return function

        return register

    def upcast(self, type_name: str, data: Data, *, from_schema: int, to_schema: int) -> Data:
        """Return `data`, which has `from_schema`, in the form of `to_schema`. Raises StepMissing."""
        for schema in range(from_schema, to_schema):
            try:
                step = self._steps[type_name, schema]
            except KeyError:
                raise StepMissing(f"{type_name} {schema}") from None
            data = step(data)
        return data

    def check(self, catalogue: Mapping[str, tuple[type[Any], int]]) -> None:
        """Return where every type of `catalogue` can be read from its schema 1 on; raise StepMissing otherwise."""
        for type_name, (_, today) in catalogue.items():
            for schema in range(1, today):
                if (type_name, schema) not in self._steps:
                    raise StepMissing(f"{type_name} {schema}")


# The history of the types in CATALOGUE: one step for each schema that is not today's.
UPCASTERS = Upcasters()


@UPCASTERS.step("CredentialIssued", from_schema=1)
def _signing_came(data: Data) -> Data:
    """Schema 2 knows one more purpose, `signing`; what was stored before has none of it."""
    return data


@UPCASTERS.step("LeaseGranted", from_schema=1)
@UPCASTERS.step("FactObserved", from_schema=1)
def _adjustments_came(data: Data) -> Data:
    """Schema 2 knows one more kind, `adjustment`; what was stored before has none of it."""
    return data


@UPCASTERS.step("LogsChecked", from_schema=1)
def _counts_came(data: Data) -> Data:
    """Schema 2 may have a runner's report and its counts; what was stored before was read by people."""
    return data


@UPCASTERS.step("ActionRefused", from_schema=1)
def _questions_came(data: Data) -> Data:
    """Schema 2 keeps what was asked; of what was stored before, only the answer is known."""
    return data


@UPCASTERS.step("DataRestored", from_schema=1)
@UPCASTERS.step("StageMigrated", from_schema=1)
def _reports_came(data: Data) -> Data:
    """Schema 2 names a report in the evidence; what was stored before was told by hand and has none."""
    return data


@UPCASTERS.step("TestRunFinished", from_schema=1)
@UPCASTERS.step("TestRunAborted", from_schema=1)
def _logs_came(data: Data) -> Data:
    """Schema 2 keeps the log's end, and the counts of runs that were no release's; of older ones nobody kept them."""
    return data


@UPCASTERS.step("DeploySucceeded", from_schema=1)
@UPCASTERS.step("DeployFailed", from_schema=1)
@UPCASTERS.step("StageMigrationFailed", from_schema=1)
def _what_was_said_came(data: Data) -> Data:
    """Schema 2 names in the evidence what the work wrote, or a report of it; of older ones nobody kept it."""
    return data
