"""What an auditor needs of one adjustment: the chain, who did what, what was found true of it, what it proves and not.

Everything is computed from the chain as the server gave it; what can be computed again here, is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]
Finding = dict[str, Any]

PROVES = """
Each step stands in the ledger at its position, with the time of the ledger's clock and the credential that it came
with. Positions have no gaps, and nothing that was recorded is ever changed by Interlock.

Where a step shows a decision, Interlock's rules made it on exactly the situation at the position that it names, under
the policy version that it names; the same functions give the same decision again.

Everybody who verified it, the authorization and the execution named the same digest. It is computed from the plan
above, and each text above has the digest that the plan names: nobody was bound to anything else.

Persons are compared, not credentials: a second credential makes nobody a second person.

The marker was written by the transaction that changed the rows, and can be written once only: it was committed once,
or never.
"""
DOES_NOT_PROVE = """
That nobody changed the data around Interlock: the owner of the database, a superuser, and every role that may write
could. Interlock records what goes through it, and what somebody or a watch observed and reported.

That a verifier understood what was shown; only that somebody with that person's credential gave the digest of exactly
this plan.

That a credential was used by its person, and not given away.

Rows, statements and the digests before and after: the runner counted them beside the operator, and reported them. That
the rehearsal's data was production's is what who restored it reported.

That the backup can still be read: its bytes stay where it was taken; only its digest and place are recorded.

The record itself against its owner: whoever owns the ledger's database could write another history. A copy kept
elsewhere shows that (dt audit show POSITION --bytes gives the bytes of a step); this report alone does not.
"""


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each in one line."""
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]


def report_of(found: Facts, texts: Mapping[str, str], server: str, project: str) -> dict[str, Any]:
    """Return the report as one document; `texts` are the plan's, whose bytes were compared with their digests."""
    document = dict(found)
    document.pop("next", None)
    persons = persons_of(found)
    return {
        "report": "data adjustment",
        "server": server,
        "project": project,
        **document,
        "texts": dict(texts),
        "persons": persons,
        "findings": [*findings(found, persons)],
        "proves": paragraphs(PROVES),
        "does_not_prove": paragraphs(DOES_NOT_PROVE),
    }


def persons_of(found: Facts) -> dict[str, list[str]]:
    """Return who did what: who asked for it or amended it, who stands for it, who executed it, who checked it."""
    chain = own_steps(found)

    def who(*words: str, void: bool = False) -> list[str]:
        said = [step for step in chain if step["step"] in words and (void or not step["void"])]
        return list(dict.fromkeys(str(step["by"]) for step in said))

    return {
        "asked": who("requested", "amended", void=True),
        "rehearsed": who("rehearsed"),
        "verified": who("verified"),
        "executed": [str(step["data"]["executed_by"]) for step in chain if step["step"] == "executed"],
        "checked": who("result verified", "result disputed"),
    }


def own_steps(found: Facts) -> list[dict[str, Any]]:
    """Return the steps of its own stream: another adjustment that takes it back has a chain of its own."""
    stream = f"adjustment/{found['adjustment']}"
    return [step for step in found["chain"] if step["stream"] == stream]


def findings(found: Facts, persons: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Yield what an auditor would look for, each true, false, or open where it has not come to that yet."""
    holding = [step for step in own_steps(found) if not step["void"]]
    steps = {word: [step for step in holding if step["step"] == word] for word in {step["step"] for step in holding}}
    yield from _of_plan(found, steps)
    yield from _of_persons(steps, persons)
    yield from _of_execution(found, steps)


def finding(holds: bool | None, says: str, *positions: int) -> Finding:  # noqa: FBT001 - what the finding says
    """Return one finding; None where it has not come to that yet."""
    return {"holds": holds, "says": says, "positions": list(positions)}


def _of_plan(found: Facts, steps: Mapping[str, list[dict[str, Any]]]) -> Iterator[Finding]:
    bound = [
        step for word in ("rehearsed", "verified", "authorized", "started", "executed") for step in steps.get(word, ())
    ]
    same = all(step["digest"] == found["bound_digest"] for step in bound)
    says = "every rehearsal, verification, authorization and execution that counts names the plan's digest"
    yield finding(same if bound else None, says, *(step["position"] for step in bound))
    order = [steps[word] for word in ("rehearsed", "verified", "authorized", "backed up", "started", "executed")
             if word in steps]  # fmt: skip
    ordered = all(before[-1]["position"] < after[-1]["position"] for before, after in itertools.pairwise(order))
    says = "rehearsed, then verified, then authorized, then backed up, then committed: in this order"
    yield finding(ordered if "executed" in steps else None, says)


def _of_persons(steps: Mapping[str, list[dict[str, Any]]], persons: Mapping[str, list[str]]) -> Iterator[Finding]:
    verified, asked = set(persons["verified"]), set(persons["asked"])
    executed, checked = set(persons["executed"]), set(persons["checked"])
    authorizations = steps.get("authorized", [])
    named = authorizations[-1]["data"]["verifications"] if authorizations else []
    by = {step["position"]: step["by"] for step in steps.get("verified", ())}
    those = [by[position] for position in named if position in by]
    says = f"verified by {len(set(those))} different persons, whom the authorization names by their positions"
    whole = bool(those) and len(set(those)) == len(named) >= 2
    yield finding(whole if authorizations else None, says, *named)
    says = "no verifier asked for it or amended it"
    yield finding(not verified & asked if verified else None, says)
    says = "no verifier executed it"
    yield finding(not verified & executed if verified and executed else None, says)
    says = "who executed it is the operator whom the authorization named"
    operator = authorizations[-1]["data"]["operator"] if authorizations else None
    yield finding(executed == {operator} if executed else None, says)
    says = "the result was checked by somebody who neither asked for it nor executed it"
    yield finding(not checked & (asked | executed) if checked else None, says)


def _of_execution(found: Facts, steps: Mapping[str, list[dict[str, Any]]]) -> Iterator[Finding]:
    executed, started = steps.get("executed", []), steps.get("started", [])
    yield finding(len(executed) == 1 if executed else None, "executed once", *(step["position"] for step in executed))
    expected = found["plan"]["expected_effect"]
    rows = executed[-1]["data"]["rows"] if executed else None
    within = rows is not None and expected["rows_min"] <= rows <= expected["rows_max"]
    says = f"it touched as many rows as the plan allows ({expected['rows_min']} to {expected['rows_max']})"
    yield finding(within if executed else None, f"{says}: {rows}" if executed else says)
    same = [step["data"][part] for part in ("rows", "before", "after") for step in (*started[-1:], *executed[-1:])]
    pairs = all(same[at] == same[at + 1] for at in range(0, len(same), 2)) if executed and started else None
    yield finding(pairs, "what was reported after the commit is what was announced before it")
    kept = [step for step in steps.get("backed up", ()) if started and step["position"] < started[-1]["position"]]
    yield finding(bool(kept) if started else None, "the touched rows were kept before it could be committed")
