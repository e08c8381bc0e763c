"""A process that writes: orders of its own, three events a call, and a counter that it shares with others.

It says each acknowledged call on a line: what a test believes is recorded, whatever happens to it then.
"""

from __future__ import annotations

import sys
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError

COUNTER = uuid5(NAMESPACE_OID, "counter")


class Counter(Aggregate):
    @event("Begun")
    def __init__(self) -> None:
        self.count = 0

    @classmethod
    def create_id(cls) -> UUID:
        return COUNTER

    @event("Counted")
    def add(self) -> None:
        self.count += 1


class Order(Aggregate):
    @event("Placed")
    def __init__(self, number: str) -> None:
        self.number = number
        self.steps = 0

    @event("Stepped")
    def step(self) -> None:
        self.steps += 1


class Orders(Application[UUID]):
    def place(self, number: str) -> UUID:
        order = Order(number)
        order.step()
        order.step()
        self.save(order)
        return order.id

    def count(self) -> None:
        while True:
            try:
                counter: Counter = self.repository.get(COUNTER)
                counter.add()
                self.save(counter)
                return
            except IntegrityError:
                continue  # somebody else counted: read again


def main(calls: int) -> None:
    with Orders() as orders:
        for _ in range(calls):
            number = str(uuid4())
            placed = orders.place(number)
            orders.count()
            sys.stdout.write(f"{placed}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
