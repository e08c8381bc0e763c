"""`python -m interlock.serve.healthcheck URL`: 0 where it answers that it is fine, 1 and why where it does not."""

from __future__ import annotations

import sys
from typing import Final

import httpx2

ANSWER_SECONDS: Final = 4.0


def main(given: list[str]) -> int:
    """Ask once."""
    if len(given) != 1:
        print("usage: python -m interlock.serve.healthcheck URL", file=sys.stderr)
        return 2
    try:
        answer = httpx2.get(given[0], timeout=ANSWER_SECONDS)
    except (httpx2.HTTPError, httpx2.InvalidURL) as away:
        print(f"no answer: {away}", file=sys.stderr)
        return 1
    print(answer.text)
    return 0 if answer.status_code == httpx2.codes.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
