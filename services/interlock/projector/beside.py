"""A projection once more, in tables of its own beside those that serve: what a rebuild fills."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final

from interlock.events.envelope import Recorded
from interlock.projections import Projection, Write

# Of its tables' names and, with a slash, of its own: no projection has a slash in its name.
SUFFIX: Final = "_next"
NAME_SUFFIX: Final = "/next"


def beside(projection: Projection) -> Projection:
    """Return `projection` under another name, with the same meaning, all its statements in its own tables."""
    tables = "|".join(re.escape(table) for table in projection.tables)
    named = re.compile(rf"\b(?:{tables})\b")

    @cache
    def moved(statement: str) -> str:
        return named.sub(lambda found: found[0] + SUFFIX, statement)

    def project(recorded: Recorded[Any]) -> Iterator[Write]:
        for write in projection.project(recorded):
            yield Write(moved(write.statement), write.arguments)

    return replace(
        projection,
        name=projection.name + NAME_SUFFIX,
        schema=moved(projection.schema),
        tables=tuple(moved(table) for table in projection.tables),
        project=project,
        appends={
            moved(statement): replace(added, table=moved(added.table))
            for statement, added in projection.appends.items()
        },
        together={
            moved(statement): replace(
                several,
                statement=moved(several.statement),
                target=replace(several.target, table=moved(several.target.table)),
            )
            for statement, several in projection.together.items()
        },
    )
