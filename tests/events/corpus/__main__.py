"""Add to the corpus what it lacks: for each type and today's schema an event with all fields, and a lean one."""

from __future__ import annotations

from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import encode
from tests.events.corpus import HERE, stored
from tests.events.examples import example, recorded


def main() -> None:
    there = stored()
    for type_name, (cls, schema) in CATALOGUE.items():
        if any(b'"schema":%d,' % schema in body for body in there.get(type_name, [])):
            continue
        lines = [encode(recorded(example(cls, full=full), full=full)) + b"\n" for full in (True, False)]
        with (HERE / f"{type_name}.jsonl").open("ab") as file:
            file.writelines(lines)
        print(f"grown  {type_name} {schema}")


if __name__ == "__main__":
    main()
