"""The automatic tests, run under the environment's lease: what they say is what is recorded.

settings = settings_of(document, home=home)
outcome = await run_tests(asker, client, job, told)
"""

from interlock.runners.testing.busy import Holder, busy_check, holder_of
from interlock.runners.testing.failures import NotReported, NoVerdict, Over
from interlock.runners.testing.history import Past, past_of, remarks
from interlock.runners.testing.job import Job, Settings, settings_of
from interlock.runners.testing.parts import Begun, Outcome, Services, Told
from interlock.runners.testing.running import run_tests

__all__ = [
    "Begun",
    "Holder",
    "Job",
    "NoVerdict",
    "NotReported",
    "Outcome",
    "Over",
    "Past",
    "Services",
    "Settings",
    "Told",
    "busy_check",
    "holder_of",
    "past_of",
    "remarks",
    "run_tests",
    "settings_of",
]
