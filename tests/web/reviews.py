"""A release of the story whose changes are to be reviewed, and diffs of it that somebody put there."""

from __future__ import annotations

from collections.abc import Mapping

from tests.web.signed import SignedServer

RELEASE = "4.12.0"
CHANGE = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old <b>\n+new \u202e\n"


def heads_to_review(server: SignedServer) -> dict[str, tuple[str, str]]:
    """Where the diff begins and ends, in each repository; the review that the story has is taken back."""
    server.served["reviewer-1"].command("WithdrawCodeReview", {"release": RELEASE, "reason": "read it once more"})
    # Production runs what two persons declared, and of that no commit is recorded: any may be the first.
    content = server.served["anton"].get(f"/releases/{RELEASE}")["content"]
    return {each["repository"]: ("2" * 40, each["sha"]) for each in content["head"]}


def offered(server: SignedServer, spans: Mapping[str, tuple[str, str]]) -> str:
    """Put a diff of these spans there, as anybody may; return its digest."""
    text = "".join(f"repository {name} {begin}..{end}\n{CHANGE}" for name, (begin, end) in sorted(spans.items()))
    return server.served["anton"].put_evidence(text.encode(), "text/x-diff")
