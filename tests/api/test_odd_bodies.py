"""Every odd body gets a 4xx that names the field: none is an error of ours, and none is taken for something else."""

from __future__ import annotations

import json
from typing import Any

from interlock.events.strict import BODY_BYTES_MAX
from tests.api.conftest import Here

REMARK = {"target": 1, "kind": "remark", "text": "fine"}
FREEZE = {"environment": "stage", "reason": "a reason"}


def remark(**changed: Any) -> bytes:
    return json.dumps({**REMARK, **changed}).encode()


def freeze(**changed: Any) -> bytes:
    return json.dumps({**FREEZE, **changed}).encode()


def raw(text: str, field: str = "target") -> bytes:
    """A remark in which one field's value is written as it stands here."""
    others = {name: value for name, value in REMARK.items() if name != field}
    return (json.dumps(others)[:-1] + f', "{field}": {text}}}').encode()


# name: (command, body, the field that is named, status)
ODD: dict[str, tuple[str, bytes, str, int]] = {
    "nothing": ("Annotate", b"", "body", 400),
    "no JSON": ("Annotate", b"{", "body", 400),
    "two values": ("Annotate", remark() + b"{}", "body", 400),
    "a list": ("Annotate", b"[]", "body", 422),
    "null": ("Annotate", b"null", "body", 422),
    "a text": ("Annotate", b'"x"', "body", 422),
    "no UTF-8": ("Annotate", raw('"').replace(b'"}', b'\xff"}'), "body", 400),
    "UTF-16": ("Annotate", remark().decode().encode("utf-16"), "body", 400),
    "a byte order mark": ("Annotate", b"\xef\xbb\xbf" + remark(), "body", 400),
    "NUL in a text": ("Annotate", remark(text="a\0b"), "text", 400),
    "a raw NUL in a text": ("Annotate", raw('"a\0b"', "text"), "body", 400),
    "another control character": ("Annotate", remark(text="a\x07b"), "text", 422),
    "a lone surrogate": ("Annotate", raw('"\\ud800"', "text"), "text", 400),
    "a lone low surrogate": ("Annotate", raw('"\\udfff!"', "text"), "text", 400),
    "an integer of 2^63": ("Annotate", remark(target=2**63), "target", 400),
    "an integer of 2^64": ("Annotate", remark(target=2**64), "target", 400),
    "an integer beyond 53 bits": ("Annotate", remark(target=2**53), "target", 400),
    "a very long integer": ("Annotate", raw("9" * 5000), "target", 400),
    "a negative integer": ("Annotate", remark(target=-1), "target", 422),
    "minus nought": ("Annotate", raw("-0"), "target", 400),
    "1e400": ("Annotate", raw("1e400"), "target", 400),
    "NaN": ("Annotate", raw("NaN"), "target", 400),
    "Infinity": ("Annotate", raw("-Infinity"), "target", 400),
    "a fraction": ("Annotate", raw("1.5"), "target", 400),
    "a fraction that is whole": ("Annotate", raw("1.0"), "target", 400),
    "a boolean for an integer": ("Annotate", remark(target=True), "target", 422),
    "a text for an integer": ("Annotate", remark(target="1"), "target", 422),
    "an integer for a text": ("Annotate", remark(text=1), "text", 422),
    "null for a text": ("Annotate", remark(text=None), "text", 422),
    "an object for a text": ("Annotate", remark(text={}), "text", 422),
    "an empty text": ("Annotate", remark(text=""), "text", 422),
    "a text that is too long": ("Annotate", remark(text="x" * 4001), "text", 422),
    "a word that is none of the words": ("Annotate", remark(kind="gossip"), "kind", 422),
    "a missing field": ("Annotate", b'{"kind": "remark", "text": "x"}', "target", 422),
    "an unknown field": ("Annotate", remark(extra=1), "extra", 422),
    "a duplicate key": ("Annotate", remark()[:-1] + b', "text": "other"}', "text", 400),
    "a key that is not ASCII": ("Annotate", remark(größe=1), "body", 400),
    "a duplicate key deep inside": (
        "ProposePolicy",
        b'{"document": {"a": {"b": 1, "b": 2}}, "reason": "x"}',
        "document.a.b",
        400,
    ),
    "a fraction deep inside": (
        "ProposePolicy",
        b'{"document": {"a": [1, 1e400]}, "reason": "x"}',
        "document.a[1]",
        400,
    ),
    "500 levels": ("ProposePolicy", b'{"document": ' + b'{"a": ' * 500 + b"1" + b"}" * 501 + b"}", "body", 400),
    "100,000 brackets": ("ProposePolicy", b"[" * 100_000, "body", 400),
    "a naive instant": ("FreezeEnvironment", freeze(until="2026-11-28T09:00:00"), "until", 422),
    "an instant without a time": ("FreezeEnvironment", freeze(until="2026-11-28"), "until", 422),
    "an instant as a number": ("FreezeEnvironment", freeze(until=1_790_000_000), "until", 422),
    "the year 1": ("FreezeEnvironment", freeze(until="0001-01-01T00:00:00+14:00"), "until", 422),
    "the year 9999": ("FreezeEnvironment", freeze(until="9999-12-31T23:59:59-14:00"), "until", 422),
    "a day that is none": ("FreezeEnvironment", freeze(until="2026-02-30T00:00:00Z"), "until", 422),
    "a name with a slash": ("FreezeEnvironment", freeze(environment="a/b"), "environment", 422),
    "a name that climbs": ("FreezeEnvironment", freeze(environment="../x"), "environment", 422),
    "a name with a line end": ("FreezeEnvironment", freeze(environment="stage\n"), "environment", 422),
    "a very long name": ("FreezeEnvironment", freeze(environment="x" * 65), "environment", 422),
    "20 MB": ("Annotate", remark(text="x" * 20_000_000), "body", 413),
    "one byte too many": ("Annotate", remark() + b" " * (BODY_BYTES_MAX + 1 - len(remark())), "body", 413),
}


async def test_every_odd_body_gets_a_4xx_that_names_the_field_and_records_nothing(here: Here) -> None:
    head = (await here.admin.get("/whoami")).json()["position"]
    wrong = []
    for name, (command, body, field, status) in ODD.items():
        for answer in (
            await here.admin.command(command, body),
            await here.admin.post(f"/explain/{command}", body),
        ):
            problem = answer.json()
            named = [each["field"] for each in problem.get("errors", ())]
            form = answer.headers["content-type"]
            if (answer.status_code, form) != (status, "application/problem+json") or field not in named:
                wrong.append((name, answer.status_code, problem))
    assert wrong == []
    assert (await here.admin.get("/whoami")).json()["position"] == head


async def test_the_plain_bodies_beside_the_odd_ones_are_taken(here: Here) -> None:
    assert (await here.admin.command("Annotate", remark(text="tab\tand\nline ✓ 😀"))).status_code == 200
    assert (await here.admin.command("Annotate", b" \n" + remark() + b"\r\n ")).status_code == 200


ODD_HEADERS: list[tuple[dict[str, str], int, str]] = [
    ({"Content-Type": "text/plain"}, 415, "Content-Type"),
    ({"Content-Type": ""}, 415, "Content-Type"),
    ({"Content-Type": "application/json-patch+json"}, 415, "Content-Type"),
    ({"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
    ({"Idempotency-Key": "1"}, 400, "Idempotency-Key"),
    ({"Idempotency-Key": ""}, 400, "Idempotency-Key"),
    ({"Idempotency-Key": "{00000000-0000-0000-0000-000000000001}"}, 400, "Idempotency-Key"),
    ({"If-Match": "7"}, 400, "If-Match"),
    ({"If-Match": 'W/"7"'}, 400, "If-Match"),
    ({"If-Match": "*"}, 400, "If-Match"),
    ({"Interlock-Now": "yesterday"}, 400, "Interlock-Now"),
    ({"Interlock-Now": "2026-11-16T08:00:00"}, 400, "Interlock-Now"),
    ({"Interlock-Now": "9999-12-31T23:59:59-14:00"}, 400, "Interlock-Now"),
]


async def test_every_odd_header_gets_a_4xx_that_names_it(here: Here) -> None:
    for headers, status, field in ODD_HEADERS:
        answer = await here.admin.command("Annotate", remark(), headers=headers)
        assert answer.status_code == status, (headers, answer.text)
        assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_a_command_without_an_idempotency_key_is_not_decided(here: Here) -> None:
    answer = await here.admin.post("/commands/Annotate", remark())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


ODD_QUERIES = [
    ("/releases?state=half", "state"),
    ("/releases?att=1", "att"),
    ("/releases?at=yesterday", "at"),
    ("/releases?at=2026-11-16T08:00:00", "at"),
    ("/releases?at=-1", "at"),
    ("/releases?at=99999", "at"),
    ("/releases?at=2030-01-01T00:00:00Z", "at"),
    ("/releases?at=0001-01-01T00:00:00%2B14:00", "at"),
    ("/releases?at=%00", "at"),
    ("/releases?at=1&at=2", "at"),
    ("/releases?after=9007199254740992", "after"),
    ("/releases?after=1.0", "after"),
    ("/releases?limit=0", "limit"),
    ("/releases?limit=501", "limit"),
    ("/releases?limit=true", "limit"),
    ("/releases/%00", "name"),
    ("/releases/a%0Ab", "name"),
    ("/releases/x/gates/stage?if_at=2000-01-01T00:00:00Z", "if_at"),
    ("/events?person=%ED%A0%80", "query"),
    ("/events?since=2026", "since"),
    ("/events/18446744073709551616", "position"),
    ("/evidence/sha256:abc", "digest"),
    ("/windows/production?count=99", "count"),
    ("/whoami?x=1", "x"),
]


async def test_every_odd_query_gets_a_4xx_that_names_the_parameter(here: Here) -> None:
    for path, field in ODD_QUERIES:
        answer = await here.http.get(f"/v1/demo{path}", headers=here.admin.headers())
        assert answer.status_code in {400, 422}, (path, answer.text)
        assert field in [each["field"] for each in answer.json()["errors"]], (path, answer.text)


async def test_an_odd_cursor_is_refused_as_one(here: Here) -> None:
    for cursor in ("x", "AAAA", "W10", "WyJ4IiwxLDJd", "%F0%9F%98%80", "bnVsbA"):
        answer = await here.http.get(f"/v1/demo/releases?cursor={cursor}", headers=here.admin.headers())
        assert answer.status_code == 400, cursor
        assert answer.json()["type"] == "/problems/cursor-invalid"
