"""Production has a problem while 4.12.0 waits in stage: the hotfix waits for no window, and skips no step."""

from __future__ import annotations

from datetime import timedelta

from interlock.cli.demo import running
from interlock.cli.demo.cast import CI, CRON, PRODUCTION, SANDBOX, STAGE, TESTS
from interlock.cli.demo.contents import HOTFIX_4_11_3, R4_12_0, R4_13_0
from interlock.cli.demo.playing import Play, instant
from interlock.cli.demo.steps import (
    approve_in_sandbox,
    approve_in_stage,
    declare,
    deploy,
    deploy_to_tests,
    develop,
    migrate,
    observed,
    restore,
    review,
    run_tests,
    to_production,
)

WAITS, FOLLOWS, HOTFIX = R4_12_0.release, R4_13_0.release, HOTFIX_4_11_3.release
REJECTED = "ERROR gateway: order rejected, sequence 0 after logon (client {client})"
# What the gateway did to production's data, around Interlock: it is put right later.
LEFT_BEHIND = """
insert into trades.orders (id, client, symbol, state, sent_at)
    select 9000 + n, (array[4, 9, 11])[n % 3 + 1], 'ABC', 'sent', '2026-11-25T10:00:00Z'
      from generate_series(1, 17) as n;
"""


def play(play: Play) -> None:
    """From Tuesday morning to Wednesday afternoon."""
    play.at("11-24 09:02")
    waiting_release(play)
    following_release(play)
    night(play)
    play.at("11-25 09:30")
    approve_in_stage(play, WAITS, "qa-1", "settlement", "risk")
    problem = found_by_a_log_check(play)
    prepare_hotfix(play, problem)
    rehearse_hotfix(play)
    to_production(play, HOTFIX_4_11_3, who="dora", minutes=8)
    aftermath(play, problem)


def waiting_release(play: Play) -> None:
    """4.12.0 goes as far as one may on a Tuesday."""
    areas = ["orders", "risk"]
    play.do("anton", "OpenRelease", name=WAITS, kind="normal", title="Bracket orders", affected_areas=areas)
    declare(play, R4_12_0)
    develop(play, R4_12_0)
    play.at("11-24 10:20")
    deploy_to_tests(play, R4_12_0)
    run_tests(play)
    play.at("11-24 11:15")
    deploy(play, WAITS, SANDBOX)
    play.at("11-24 14:00")
    approve_in_sandbox(play, WAITS, "qa-1")
    play.later(minutes=10)
    deploy(play, WAITS, STAGE)


def following_release(play: Play) -> None:
    """4.13.0 follows it into the sandbox, and 4.12.0's rehearsal goes on."""
    play.at("11-24 14:50")
    play.do("anton", "OpenRelease", name=FOLLOWS, kind="normal", title="Fill gaps", affected_areas=["quotes"])
    declare(play, R4_13_0)
    develop(play, R4_13_0)
    play.at("11-24 15:30")
    review(play, R4_12_0, since="4.11.2")
    restore(play)
    migrate(play, R4_12_0)
    play.at("11-24 17:00")
    deploy_to_tests(play, R4_13_0)


def night(play: Play) -> None:
    """While the nightly tests run, nobody else's do; they are 4.13.0's verdict, too."""
    play.schedule([(instant("11-25 00:12"), second_run)])
    play.at("11-25 08:30")
    deploy(play, FOLLOWS, SANDBOX)


def second_run(play: Play) -> None:
    """Two runs never overlap."""
    found = observed(play, TESTS)
    play.refused(CI, "StartTestRun", environment=TESTS, trigger="manual", observed=found, because="environment-free")


def found_by_a_log_check(play: Play) -> str:
    """The logs are read, as every hour, this time by a machine, and what is found is a problem at once."""
    play.at("11-25 10:14")
    play.databases.run(PRODUCTION, LEFT_BEHIND)
    for number in range(17):
        play.places.says(play.now - timedelta(minutes=20 - number), REJECTED.format(client=(4, 9, 11)[number % 3]))
    play.reached(running.reads_logs(play, CRON))
    problem = str(play.get("/problems", state="open")["problems"][0]["problem"])
    play.later(minutes=5)
    play.do("rm-1", "AcknowledgeProblem", problem=problem)
    return problem


def prepare_hotfix(play: Play, problem: str) -> None:
    """Dora writes it, rm-1 confirms that it belongs to the problem; a step may be short, but none is left out."""
    play.at("11-25 10:40")
    play.do("dora", "OpenRelease", name=HOTFIX, kind="hotfix", title="Sequence after a reconnect", problem=problem)
    declare(play, HOTFIX_4_11_3, who="dora", fixes=[problem])
    develop(play, HOTFIX_4_11_3)
    play.do("rm-1", "ConfirmHotfix", release=HOTFIX)
    play.refused("dora", "RequestDeploy", release=HOTFIX, environment=PRODUCTION, because="tests-passed")
    play.at("11-25 11:15")
    deploy_to_tests(play, HOTFIX_4_11_3)
    run_tests(play)
    deploy(play, HOTFIX, SANDBOX, who="dora")
    # 4.13.0 was there: what nobody had finished with it must be done again.
    play.later(minutes=5)
    play.refused("qa-2", "ApproveManualQA", release=FOLLOWS, environment=SANDBOX, because="release-present")
    play.at("11-25 12:40")
    approve_in_sandbox(play, HOTFIX, "qa-1")


def rehearse_hotfix(play: Play) -> None:
    """In stage it takes the place of 4.12.0, whose rehearsal is over by that."""
    play.later(minutes=10)
    deploy(play, HOTFIX, STAGE, who="dora")
    play.at("11-25 13:10")
    review(play, HOTFIX_4_11_3, since="4.11.2")
    play.later(minutes=10)
    restore(play)
    play.at("11-25 14:15")
    approve_in_stage(play, HOTFIX, "qa-2", "settlement")
    play.later(minutes=10)


def aftermath(play: Play, problem: str) -> None:
    """The problem is over when an independent person says so; 4.12.0 has lost its place."""
    play.later(minutes=5)
    play.refused("anton", "RequestDeploy", release=WAITS, environment=PRODUCTION, because="includes-production")
    play.refused("dora", "ResolveProblem", problem=problem, how="It is mended.", because="resolver-independent")
    play.later(minutes=30)
    how = "No order was rejected since 4.11.3 runs; the three clients confirm it."
    play.do("qa-1", "ResolveProblem", problem=problem, how=how, fixed_by_release=HOTFIX)
