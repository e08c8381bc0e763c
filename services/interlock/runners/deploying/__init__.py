"""Deploys and rollbacks as an executor does them: looked at, asked for, run on a leash, looked at again, reported.

`configured` reads from interlock.toml how it is done in an environment; `looking` reads what runs there; `executing` is
one deploy from its start to its report; `work` is what is done in between.
"""

from __future__ import annotations

from interlock.runners.deploying.configured import Executor, executor_of
from interlock.runners.deploying.executing import AlreadyBegun, Done, Interrupted, execute
from interlock.runners.deploying.looking import Looked, look_around
from interlock.runners.deploying.work import Job

__all__ = ["AlreadyBegun", "Done", "Executor", "Interrupted", "Job", "Looked", "execute", "executor_of", "look_around"]
