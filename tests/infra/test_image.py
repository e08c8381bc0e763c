"""The image: built in stages from hashed locks, run as nobody, with every file that the code reads."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.house.tree import REPOSITORY
from tests.infra.composed import DOCKERFILE


def test_the_image_is_built_in_stages_from_hashed_locks_and_runs_as_nobody() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert len(stages) == 2
    for image in stages:
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", image), "a whole version"
    installs = re.findall(r"pip install (.*?)(?: \\|$)", DOCKERFILE, flags=re.MULTILINE)
    assert installs
    for install in installs:
        assert "--require-hashes --no-deps" in install or install == "--no-deps /wheels/*.whl", install
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, flags=re.MULTILINE)
    assert last.index("USER ") < last.index("ENTRYPOINT")
    assert "pip install" not in last


def test_the_image_holds_every_file_that_the_code_reads(tmp_path: Path) -> None:
    [wheel] = re.findall(r"pip (wheel .*?) \.", DOCKERFILE)
    built = [sys.executable, "-m", "pip", *wheel.replace("/wheels", str(tmp_path)).split(), str(REPOSITORY)]
    subprocess.run([*built, "--quiet", "--disable-pip-version-check"], check=True, timeout=120)
    [made] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(made).namelist())
    for root in ("events", "projections", "services"):
        for path in (REPOSITORY / root).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(REPOSITORY / root).as_posix() in packed
    allowed = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split()
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, flags=re.MULTILINE):
        for name in copied.split():
            assert f"!{name}" in allowed
            assert (REPOSITORY / name).exists()
