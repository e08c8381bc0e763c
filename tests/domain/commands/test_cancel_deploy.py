"""CancelDeploy: a request is taken back before its start, and not after it."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import CancelDeploy, RequestDeploy, StartDeploy
from interlock.domain.errors import NotFound
from tests.domain.story import PRODUCTION, TUESDAY_10, Story, rehearsed

R = "4.12.0"


def queued() -> tuple[Story, CancelDeploy]:
    story = rehearsed().at(TUESDAY_10).check_logs()
    request = RequestDeploy(release=R, environment=PRODUCTION, at_window=True)
    deploy = story.do("anton", request).facts[0].event.deploy
    return story, CancelDeploy(release=R, deploy=deploy, reason="not this week")


def test_a_cancelled_deploy_does_not_start() -> None:
    story, cancel = queued()
    story.do("rm-1", cancel)
    with pytest.raises(NotFound):
        story.ask("ci-1", StartDeploy(release=R, deploy=cancel.deploy, observed=story.observed(PRODUCTION)))


def test_a_deploy_that_runs_is_not_cancelled() -> None:
    story = rehearsed()
    deploy = story.start(R, "stage")
    with pytest.raises(NotFound):
        story.ask("rm-1", CancelDeploy(release=R, deploy=deploy, reason="stop"))


@pytest.mark.parametrize("who", ["reviewer-1", "admin-1"])
def test_who_may_ask_for_deploys_may_take_them_back(who: str) -> None:
    story, cancel = queued()
    story.refuse(who, cancel, "role-held")
    story.do("dora", cancel)


def test_a_request_belongs_to_its_release() -> None:
    story, cancel = queued()
    story.develop("4.13.0")
    with pytest.raises(NotFound):
        story.ask("rm-1", CancelDeploy(release="4.13.0", deploy=cancel.deploy, reason="stop"))
