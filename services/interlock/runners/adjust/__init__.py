"""Adjustments of data, really done: one open transaction, a marker in it, and the question to Interlock before COMMIT.

asker = Asker(client, clock=monotonic, sleep=asyncio.sleep)
job = job_of("ADJ-57", plan, evidence)
await rehearse(asker, job, stage, environment="stage", registered=identity)
await execute(asker, job, production)
await resolve(asker, "ADJ-57", plan, production)
"""

from interlock.runners.adjust.executing import Executed, execute
from interlock.runners.adjust.failures import CannotTell, NotReported, Refused, StillRunning, Stopped
from interlock.runners.adjust.job import Job, OtherBytes, job_of
from interlock.runners.adjust.rehearsing import Rehearsed, rehearse
from interlock.runners.adjust.resolving import Resolved, resolve
from interlock.runners.asking import Asker, Away, Interlock

__all__ = [
    "Asker",
    "Away",
    "CannotTell",
    "Executed",
    "Interlock",
    "Job",
    "NotReported",
    "OtherBytes",
    "Refused",
    "Rehearsed",
    "Resolved",
    "StillRunning",
    "Stopped",
    "execute",
    "job_of",
    "rehearse",
    "resolve",
]
