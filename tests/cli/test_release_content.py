"""`dt release content` and `dt stage review` over two real repositories: since production, by whom, containing what."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.runners.repositories.diff import OPTIONS
from tests.cli.story import ENVIRONMENTS, FEEDS, Story, digest, identity
from tests.cli.terminal import Done, Terminal
from tests.fixtures.repositories import Repository
from tests.fixtures.server import Served

CONFIG = """
[repositories]
shop = "shop"
desk = "desk"

[content]
migrations = ["migrations/*.sql"]
new_tests = ["tests/test_*.py"]
"""
ARTIFACT = f"pkg:oci/trader@1.0.0={digest('image')}"
OUTSIDE = "Max Muster <max@example.org>"


class Project:
    """A project of two repositories whose production runs 0.9.0."""

    def __init__(self, served: Served, home: Path) -> None:
        self.served, self.home = served, home
        self.terminal = Terminal(home, served.url, served.project, served.now)
        self.shop, self.desk = Repository.made(home / "shop"), Repository.made(home / "desk")
        self.base = {"shop": self.shop.commit({"app.py": "one\n"}), "desk": self.desk.commit({"desk.py": "one\n"})}
        self.configure()

    def configure(self, more: str = "") -> None:
        (self.home / "interlock.toml").write_text(CONFIG + more, encoding="utf-8")

    def baseline(self) -> None:
        for environment in ENVIRONMENTS:
            registered = {"environment": environment, "identity": identity(environment)}
            self.served["admin-1"].command("RegisterEnvironment", registered)
        for environment, feed in FEEDS.items():
            given = {"environment": environment, "feed": feed, "volume_percent": 100}
            self.served["rm-1"].command("SetDataFeed", given)
        self.served.by_two(
            "BaselineEnvironment",
            {
                "environment": "production",
                "release": "0.9.0",
                "content_digest": digest("0.9.0"),
                "artifacts": [],
                "head": [{"repository": name, "sha": sha} for name, sha in self.base.items()],
                "schema_digest": digest("schema"),
            },
        )

    def dt(self, *words: str, who: str = "anton", code: int = 0) -> Done:
        done = self.terminal.inside(*words, who=who)
        assert done.code == code, f"dt {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done

    def open(self, name: str) -> None:
        self.served["anton"].command("OpenRelease", {"name": name, "kind": "normal", "title": name})

    def content(self, name: str, *words: str, code: int = 0) -> Done:
        return self.dt("release", "content", name, "--artifact", ARTIFACT, *words, code=code)

    def recorded(self, name: str) -> dict[str, Any]:
        page = self.served["anton"].get("/events", type="ReleaseContentSet", release=name, data="true")
        data: dict[str, Any] = page["events"][0]["data"]
        return data

    def to_stage(self, name: str) -> None:
        """Let it stand in stage: the way there is told elsewhere."""
        story, recorded = Story(self.served), self.recorded(name)
        story.contents[name] = recorded["content_digest"]
        story.deploy(name, "sandbox-anton")
        story.by("anton", "ConfirmDevelopment", release=name)
        story.deploy(name, "tests")
        story.run_tests(ran=recorded["new_tests"])
        story.deploy(name, "sandbox")
        story.to_stage(name)
        self.terminal.now = self.served.now


@pytest.fixture
def project(server: Served, tmp_path: Path) -> Project:
    home = tmp_path / "home"
    home.mkdir()
    return Project(server, home)


def test_content_is_what_git_has_since_production_in_all_repositories_and_is_reviewed_so(project: Project) -> None:
    project.content("1.0.0", code=2)  # nobody said yet what production runs
    project.baseline()
    project.open("1.0.0")
    heads = {
        "shop": project.shop.commit(
            {"migrations/0001.sql": "-- backward-compatible\nselect 1;\n"}, "Add \x1b[8mhidden"
        ),
        "desk": project.desk.commit({"tests/test_desk.py": "def test_gap() -> None: ...\n"}, author=OUTSIDE),
    }
    project.shop.write({"migrations/0002.sql": "select 2;\n"})

    refused = project.content("1.0.0", code=2).stderr
    assert "no principal is known to be Max Muster <max@example.org>" in refused
    assert '"max@example.org" = "WHO"' in refused
    project.configure('[authors]\n"max@example.org" = "dev-2"\n')
    told = project.content("1.0.0").stderr
    assert "not committed, so no part of it: migrations/0002.sql" in told
    recorded = project.recorded("1.0.0")
    assert {each["repository"]: each["sha"] for each in recorded["head"]} == heads
    assert [(each["sha"], each["author"]) for each in recorded["commits"]] == [
        (heads["desk"], "dev-2"),
        (heads["shop"], "anton"),
    ]
    assert recorded["contains"] == ["0.9.0"]
    [migration] = recorded["migrations"]
    assert (migration["id"], migration["backward_compatible"]) == ("0001.sql", True)
    assert recorded["new_tests"] == ["tests.test_desk.test_gap"]

    early = project.dt("stage", "review", "1.0.0", "--digest", "000000", who="reviewer-1", code=3)
    assert "release-present" in early.stdout
    project.to_stage("1.0.0")
    review_is_of_everything(project, heads)


def review_is_of_everything(project: Project, heads: dict[str, str]) -> None:
    """The reviewer sees all of it, types what he read, and that is what is recorded."""
    whole = hashlib.sha256()
    for name, repository in (("desk", project.desk), ("shop", project.shop)):
        whole.update(f"repository {name} {project.base[name]}..{heads[name]}\n".encode())
        whole.update(f"{repository.git('diff', *OPTIONS, project.base[name], heads[name])}\n".encode())
    expected = f"sha256:{whole.hexdigest()}"

    nobody = project.dt("stage", "review", "1.0.0", who="reviewer-1", code=2)
    assert "nobody can be asked here" in nobody.stderr
    for seen in ("since 0.9.0", "0001.sql", "tests.test_desk.test_gap", "+def test_gap() -> None: ...", "dev-2"):
        assert seen in nobody.stdout
    assert "\x1b" not in nobody.stdout
    assert r"Add \x1b[8mhidden" in nobody.stdout
    slipped = project.dt("stage", "review", "1.0.0", "--stat", "--digest", "000000", who="reviewer-1", code=3)
    assert "nothing was done" in slipped.stderr
    assert "+def test_gap" not in slipped.stdout
    project.dt("stage", "review", "1.0.0", "--digest", expected[7:13], who="anton", code=3)  # he wrote some of it
    done = project.dt("stage", "review", "1.0.0", "--digest", expected[7:13], "--json", who="reviewer-1")
    [approved] = [each["data"] for each in json.loads(done.stdout)["events"] if each["type"] == "CodeReviewApproved"]
    assert (approved["diff_digest"], approved["base_release"]) == (expected, "0.9.0")
    assert approved["commit_range"].startswith(f"desk {project.base['desk'][:12]}..{heads['desk'][:12]}, shop ")
    kept = project.served["reviewer-1"].get_evidence(expected)
    assert b"+def test_gap" in kept


def test_a_release_that_lacks_productions_commit_in_one_of_two_repositories_does_not_include_it(
    project: Project,
) -> None:
    project.baseline()
    for name in ("1.0.0", "1.1.0"):
        project.open(name)
    project.shop.commit({"app.py": "two\n"})
    project.desk.git("checkout", "-q", "--orphan", "apart")
    apart = project.desk.commit({"desk.py": "apart\n"})
    told = project.content("1.0.0").stderr
    assert "does not contain" in told
    assert "contains" not in project.recorded("1.0.0")
    by_anton = {"GIT_AUTHOR_NAME": "Anton", "GIT_AUTHOR_EMAIL": "anton@example.org"}
    project.desk.git(
        "merge", "-q", "--allow-unrelated-histories", "-X", "ours", "-m", "take it in", "main", env=by_anton
    )
    merged = project.desk.git("rev-parse", "HEAD")
    project.content("1.1.0")
    assert project.recorded("1.1.0")["contains"] == ["0.9.0", "1.0.0"]
    assert {each["sha"] for each in project.recorded("1.1.0")["commits"]} >= {apart, merged}
    # A release is opened on a commit that was always in its history: what the same commits contain stays as it was.
    project.open("0.9.5")
    project.content("0.9.5", "--head", f"desk={project.base['desk']}")
    project.content("1.1.0", "--new-test", "quotes.test_more")
    assert project.recorded("1.1.0")["contains"] == ["0.9.0", "1.0.0"]
    states = {}
    for name in ("1.0.0", "1.1.0"):
        gate = project.served["anton"].get(f"/releases/{name}/gates/production")
        [check] = [each for each in gate["checks"] if each["check"] == "includes-production"]
        states[name] = check["state"]
    assert states == {"1.0.0": "failed", "1.1.0": "passed"}


def test_base_and_head_may_be_named_and_an_author_may_stay_outside(project: Project) -> None:
    project.open("1.0.0")
    first = project.shop.commit({"app.py": "two\n"}, author=OUTSIDE)
    project.shop.commit({"app.py": "three\n"})
    project.content("1.0.0", "--base", "nowhere=main", code=2)
    project.content("1.0.0", "--base", "shop=" + "f" * 40, "--base", "desk=", code=2)
    ends = ("--base", f"shop={project.base['shop']}", "--base", "desk=", "--head", f"shop={first}")
    project.content("1.0.0", *ends, "--unknown-authors", "--backward-compatible", "none.sql")
    recorded = project.recorded("1.0.0")
    assert [(each["repository"], each["sha"]) for each in recorded["commits"]] == [
        ("desk", project.base["desk"]),
        ("shop", first),
    ]
    assert recorded["commits"][1]["author"].startswith("git:")
    assert "Max" not in json.dumps(recorded)
