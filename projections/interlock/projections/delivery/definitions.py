"""What each figure means: DORA's words, and what counts for them here. They are shown wherever a figure is.

DORA's definitions: https://dora.dev/guides/dora-metrics/ ("DORA's software delivery performance metrics", updated
2026-01-05); the move from four figures to five: https://dora.dev/guides/dora-metrics/history/.
"""

from __future__ import annotations

from typing import Final

SOURCE: Final = "https://dora.dev/guides/dora-metrics/"
DEPLOYMENT: Final = (
    "A deployment is a deploy or a rollback that changed production: one that succeeded, one that failed and did not "
    "leave production unchanged, or one of which nobody knows how it ended. It counts when its end was recorded. "
    "A deploy that left production unchanged is none; it is counted beside."
)
LEAD_TIME: Final = (
    "Change lead time: from a commit's time, as git gives it, to the end of the deploy that brought it to production "
    "first. Each commit of the content is one change; the figure is the median of all changes. Of this time is: "
    "working, while something was developed (until development was confirmed, and again after a rejection or new "
    "content) or an activity held an environment; waiting for the window, after the last missing verdict, while "
    "production's window was closed; waiting for a person, the rest. Windows are those of the policy in force."
)
FREQUENCY: Final = "Deployment frequency: how many deployments there were in the period, and per week."
RECOVERY: Final = (
    "Failed deployment recovery time: for a deploy that failed, from its end to the next deployment that succeeded, or "
    "until two persons confirmed what is in production; for one that was mended afterwards, from the first report of "
    "a problem it was mended for to the end of the first rollback, hotfix or retry that succeeded. The figure is the "
    "median of what was recovered."
)
FAIL_RATE: Final = (
    "Change fail rate: how many of the deployments needed immediate intervention: the deploy failed, or a rollback, "
    "hotfix or retry was started for a problem that concerned what it had brought to production."
)
REWORK_RATE: Final = (
    "Deployment rework rate: how many of the deployments were not planned and happened because of a problem in "
    "production: rollbacks, hotfixes, and deploys linked to a problem, such as retries."
)
