"""One run of the tests: lease, identity, erased data, the command, its report, the verdict; or it is aborted.

Whatever dies on the way, nothing is recorded that did not happen: without a report there is no verdict, a runner that
is gone takes its child with it (runners/leash.py), its lease expires, and a verdict that comes later is refused.
"""
# Long: one run from its lease to its verdict: the steps share what has to be given back at each end.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from interlock.runners.asking import Asker, Away, event_in
from interlock.runners.child import Child, Ended
from interlock.runners.environ import child_environ
from interlock.runners.evidence import TEXT, keep, scrubbed, secrets_in
from interlock.runners.failures import LeaseLost, Refused, Stopped, WrongDatabase
from interlock.runners.junit import NoReport, Report, read_report, read_report_file
from interlock.runners.leases import granted, kept_lease
from interlock.runners.targets import Found, look
from interlock.runners.testing.failures import NotReported, NoVerdict, Over
from interlock.runners.testing.job import Job
from interlock.runners.testing.parts import Begun, Outcome, Services, Told

T = TypeVar("T")
# How soon a run that was aborted for a hotfix is noticed: what comes next there may begin at once.
BEAT_SECONDS: Final = 5.0
REASON_CHARACTERS_MAX: Final = 1_000


async def run_tests(asker: Asker, services: Services, job: Job, told: Told) -> Outcome:
    """Run them once. Raises Refused (it never began), NoVerdict, Over, NotReported, and what looking there raises."""
    found = await _look(asker, job)
    await asker.reached("looked")
    fields = {"environment": job.settings.environment, "trigger": job.trigger, "observed": found.fields()}
    asked_at = asker.clock()
    # A crash from here on leaves a lease that expires by itself, and no verdict. An interruption waits for the answer:
    # the lease would be held by nobody.
    asking = asyncio.create_task(asker.report("StartTestRun", fields, job.attempt))
    answer, interrupted = await _answered(asking)
    lease, event = granted(answer, job.settings.environment, asked_at), event_in(answer, "TestRunStarted")
    assert event is not None
    begun = Begun(
        run=event["run"],
        lease=lease,
        found=found,
        release=event.get("release"),
        content=event.get("content_digest"),
        started_at=event["recorded_at"],
    )
    told.begun(begun)
    return await Run(asker, services, job, told, begun).to_its_end(interrupted=interrupted)


async def _look(asker: Asker, job: Job) -> Found:
    environ = child_environ(job.environ)
    try:
        return await look(job.target, job.registered, clock=asker.clock, environ=environ)
    except WrongDatabase:
        # Interlock is told what is there: it refuses, and that is recorded.
        return await look(job.target, None, clock=asker.clock, environ=environ)


async def _answered(task: asyncio.Task[T]) -> tuple[T, bool]:
    """Wait for a task to its end, also where this is cancelled once meanwhile; tell whether it was."""
    try:
        return await asyncio.shield(task), False
    except asyncio.CancelledError:
        if task.cancelled():
            raise
        return await task, True


@dataclass(slots=True)
class Run:
    """A run under its lease. `over` once it must end: nothing is begun any more, and no verdict is reported."""

    asker: Asker
    services: Services
    job: Job
    told: Told
    begun: Begun
    over: bool = False
    log: bytes = b""
    _child: Child | None = None

    async def to_its_end(self, *, interrupted: bool = False) -> Outcome:
        """Erase, run, read, report; whatever stops it, the child is ended first and the run is aborted then."""
        lease = self.begun.lease
        async with kept_lease(self.asker, lease, self.end), self._watched():
            try:
                if interrupted:
                    raise asyncio.CancelledError
                await self.asker.reached("started")
                new_tests = await self._new_tests()
                await self._erase()
                ended = await self._run()
                report, content = self._verdict(ended)
                # From here on it is known how the tests went: an interruption waits until that is told.
                outcome, _ = await _answered(asyncio.create_task(self._report(report, content, ended, new_tests)))
                return outcome
            except asyncio.CancelledError:
                await self._abort("it was interrupted where it ran")
                raise
            except (NotReported, Over):
                raise
            except LeaseLost as lost:
                why = await self._why_over() or str(lost)
                await self._abort(f"its lease could not be kept: {why}")
                raise Over(why, run=self.begun.run) from lost
            except (Stopped, NoReport, Away) as stopped:
                recorded = await self._abort(str(stopped))
                raise NoVerdict(str(stopped), run=self.begun.run, recorded=recorded) from stopped

    async def end(self) -> None:
        """End what runs; nothing new is started."""
        self.over = True
        if self._child is not None:
            await self._child.end()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Ask now and then whether the run is still ours, so that one that was aborted ends at once."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        lease = self.begun.lease
        fields = {"environment": lease.environment, "lease": lease.lease, "fencing_token": lease.token}
        while True:
            await self.asker.sleep(BEAT_SECONDS)
            # Without an answer nothing is known: the lease's own clock decides (runners/leases.py).
            with suppress(Away, Refused):
                decision = await self.asker.call(self.services.explain, "RenewLease", fields)
                if decision.get("result") != "allowed":
                    break
        lease.lost = True
        await self.end()

    async def _new_tests(self) -> tuple[str, ...]:
        """Return the new tests that the release names."""
        release, asker = self.begun.release, self.asker
        if release is None:
            return ()
        state = await asker.patiently(lambda: asker.call(self.services.get, f"/releases/{release}"))
        return tuple(str(name) for name in (state.get("content") or {}).get("new_tests") or ())

    async def _erase(self) -> None:
        """Look once more where this is, erase, and say so. A crash in between leaves it erased; the next run erases."""
        found = await look(self.job.target, self.job.registered, clock=self.asker.clock, environ=self._environ())
        await self.asker.reached("erasing")
        erase = self.job.settings.erase
        ended = await self._work(erase.words, erase.directory)
        if ended.code != 0:
            raise Stopped(f"the data could not be erased: {erase.words[0]}: {ended.how}")
        await self.asker.reached("erased")
        fields = {
            "environment": self.begun.lease.environment,
            "cause": f"test run {self.begun.run}",
            "observed": found.fields(),
            "fencing_token": self.begun.lease.token,
        }
        answer = await self._tell("ReportErased", fields)
        self.told.erased(int(answer["position"]))
        await self.asker.reached("erase-reported")

    async def _run(self) -> Ended:
        """Run the command. An old report must not be taken for this run's: it is removed first."""
        settings = self.job.settings
        try:
            settings.report.unlink(missing_ok=True)
            settings.report.parent.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise Stopped(f"an old report is in the way: {settings.report.name} ({wrong.strerror})") from wrong
        words = settings.command.with_values(report=str(settings.report))
        self.told.running(str(settings.report))
        await self.asker.reached("running")
        try:
            ended = await self._work(words, settings.command.directory)
        finally:
            self.told.ran()
        await self.asker.reached("ran")
        return ended

    async def _work(self, words: tuple[str, ...], directory: Any) -> Ended:
        self._check()
        self._child = child = await Child.start(
            words, directory=directory, environ=self._environ(), clock=self.asker.clock, told=self.told.line
        )
        if self.over:
            # It was ended while it started.
            await child.end()
        try:
            ended = await child.wait()
        finally:
            self._child, self.log = None, child.tail
        self._check()
        return ended

    def _check(self) -> None:
        if self.over:
            raise LeaseLost(LeaseLost.__doc__)
        self.begun.lease.check(self.asker.clock())

    def _environ(self) -> dict[str, str]:
        begun = self.begun
        return child_environ(
            self.job.environ,
            environment=begun.lease.environment,
            release=begun.release,
            content_digest=begun.content,
            run=begun.run,
            lease=begun.lease.lease,
            fencing_token=begun.lease.token,
            report=self.job.settings.report,
        )

    def _verdict(self, ended: Ended) -> tuple[Report, bytes]:
        """Read the report. Raises NoReport, Stopped where no verdict can be read from it."""
        try:
            content = read_report_file(self.job.settings.report)
            report = read_report(content)
        except NoReport as none:
            raise NoReport(f"{none}; {self.job.settings.command.words[0]}: {ended.how}") from none
        if report.verdict == "passed" and ended.code != 0:
            raise Stopped(f"its report says that nothing failed, but {ended.how}")
        if not report.passed and not report.failed:
            raise Stopped(f"all {len(report.skipped)} tests of its report were skipped")
        return report, content

    async def _report(self, report: Report, content: bytes, ended: Ended, new_tests: tuple[str, ...]) -> Outcome:
        """Keep the report and the log, then tell the verdict. A crash before leaves no verdict, only evidence."""
        begun = self.begun
        try:
            digest = await self._keep(content, "application/xml")
            log = await self._keep_log()
            await self.asker.reached("kept")
            ran = report.ran_of(new_tests)
            now = self.asker.interlock.server_now
            finished = max(now, datetime.fromisoformat(begun.started_at)).isoformat() if now else begun.started_at
            fields = {
                "environment": begun.lease.environment,
                "run": begun.run,
                "fencing_token": begun.lease.token,
                "verdict": report.verdict,
                "suite_digest": report.suite_digest,
                "counts": report.counts,
                "report": digest,
                "ran": ran,
                "failed": report.failed_told,
                "started_at": begun.started_at,
                "finished_at": finished,
                "log": log,
            }
            answer = await self._tell("ReportTestRun", fields)
        except Away as away:
            raise NotReported(str(away), run=begun.run, token=begun.lease.token) from away
        await self.asker.reached("reported")
        missing = tuple(name for name in new_tests if name not in ran)
        return Outcome(begun, new_tests, missing, report, digest, len(content), ended, answer)

    async def _keep(self, content: bytes, media_type: str) -> str:
        return await keep(self.asker, self.services.put_evidence, content, media_type, until=self.begun.lease.until)

    async def _keep_log(self) -> str | None:
        log = scrubbed(self.log, secrets_in(self.job.environ, self.job.target.connection))
        return await self._keep(log, TEXT) if log else None

    async def _tell(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Report; a refusal for want of the lease means that the run is over. Raises LeaseLost, Refused, Away."""
        lease = self.begun.lease
        try:
            return await self.asker.report(name, fields, self.begun.run, lease.token, until=lease.until)
        except Refused as refused:
            if not _lease_is_missing(refused):
                raise
            raise LeaseLost(LeaseLost.__doc__) from refused

    async def _abort(self, reason: str) -> bool:
        """Say that it gave no verdict; where that cannot be said, the lease expires, which says the same."""
        lease = self.begun.lease
        try:
            fields = {
                "environment": lease.environment,
                "run": self.begun.run,
                "reason": reason[:REASON_CHARACTERS_MAX],
                "log": await self._keep_log(),
            }
            await self.asker.reached("aborting")
            await self.asker.report("AbortTestRun", fields, self.begun.run, lease.token, until=lease.until)
        except (Refused, Away):
            return False
        await self.asker.reached("aborted")
        return True

    async def _why_over(self) -> str | None:
        """Return what the record says of the run's end, where somebody else ended it."""
        with suppress(Refused, Away):
            async for event in self.asker.events("TestRunAborted", environment=self.begun.lease.environment, limit=20):
                if event["data"]["run"] == self.begun.run:
                    return f"{event['by']} ended it: {event['data']['reason']}"
        return None


def _lease_is_missing(refused: Refused) -> bool:
    decision = getattr(refused.problem, "problem", {}).get("decision") or {}
    return any(check["check"] == "lease-held" and check["state"] != "passed" for check in decision.get("checks") or ())
