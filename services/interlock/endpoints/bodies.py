"""The body of a message: JSON that Slack, Mattermost and the like understand."""

from __future__ import annotations

from typing import Final

import orjson

TEXT_CHARACTERS_MAX: Final = 2_500


def body_of(title: str, text: str) -> bytes:
    """Return the JSON; nothing in it calls anybody or is a link."""
    short = text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…"
    head, _, rest = _escaped(short).partition("\n")
    section = {"type": "section", "text": {"type": "mrkdwn", "text": f"*{_escaped(title)}*\n{head}\n{rest}".strip()}}
    return orjson.dumps({"text": f"{_escaped(title)}: {head}", "blocks": [section]})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
