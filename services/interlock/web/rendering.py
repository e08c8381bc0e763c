"""Documents become HTML: one set of templates, everything escaped, a name that is missing is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import missing

from interlock.answers.times import instant
from interlock.identity import SignedIn
from interlock.web import words
from interlock.web.asked import Asked, named
from interlock.web.marks import MARKS, short
from interlock.web.times import Times

# Before a project is known, nobody knows what time it is there, and nothing on the page depends on it.
NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


METHODS: Final = frozenset(dir(dict))


class Absent(StrictUndefined):
    """What is not there. The API leaves absent members out, so a template may ask whether a member is there.

    A name that the page does not have at all, and the text of what is absent, are mistakes in the template.
    """

    def __bool__(self) -> bool:  # type: ignore[override]
        """Tell that it is not there, where a member was asked for."""
        if self._undefined_obj is missing:
            return super().__bool__()
        return False

    def __getattr__(self, name: str) -> Any:
        """Return that a member of what is absent is absent too."""
        if name.startswith("__") or self._undefined_obj is missing:
            return super().__getattr__(name)
        return self


class Templates(Environment):
    """Jinja's environment, for documents: a member is looked for before a method of the dict that holds it.

    So names of people's things come from `| items`, never from `.items()`.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute` of a template."""
        if type(obj) is dict:
            found = obj.get(attribute, missing)
            if found is not missing:
                return found
            if attribute not in METHODS:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


class Rendering:
    """Makes pages. `static` says where a static file is served."""

    def __init__(self, static: Callable[[str], str]) -> None:
        """Load templates on their first use, and keep them."""
        self._templates = Templates(
            loader=PackageLoader("interlock.web", "templates"),
            autoescape=True,
            undefined=Absent,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals |= {"static": static, "words": words}
        self._templates.filters |= {"short": short, "grouped": grouped, "named": named, "counted": counted}

    def page(
        self,
        name: str,
        document: Mapping[str, Any],
        *,
        session: SignedIn | None,
        address: str = "/",
        asked: Asked | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the page `name` of `document`, which its JSON twin shows as it is.

        `told` is what the reader's own last action came to.
        """
        frame = document.get("frame")
        now = instant(frame["now"]) if frame is not None else None
        return self._templates.get_template(f"{name}.html").render(
            **{**document, **MARKS},
            d=document,
            t=Times(now or NO_TIME),
            page=name,
            session=session,
            told=told,
            address=address,
            twin=_twin(address),
            at=asked.query.get("at") if asked is not None else None,
            link=Links(asked),
        )


class Links:
    """Addresses of the project's pages; those of a page of the past lead to the same moment."""

    def __init__(self, asked: Asked | None) -> None:
        """Link from the page that was asked for."""
        self._asked = asked
        self._base = f"/p/{named(asked.project)}/" if asked is not None else "/"
        at = asked.query.get("at") if asked is not None else None
        self._moment = {"at": at} if at is not None else {}
        self._rest = f"?{urlencode(self._moment)}" if self._moment else ""

    def __call__(self, path: str = "", **query: object) -> str:
        """Return the address of `path` below the project, with what `query` says beside the page's moment."""
        if self._asked is None:
            return "/"
        if not query:
            return f"{self._base}{path}{self._rest}"
        shown = {name: value for name, value in (self._moment | query).items() if value is not None}
        return f"{self._base}{path}" + (f"?{urlencode(shown)}" if shown else "")

    def here(self, **query: object) -> str:
        """Return this page's address with other parameters; one that is None is left out."""
        if self._asked is None:
            return "?"
        shown = {name: value for name, value in ({**self._asked.query} | query).items() if value is not None}
        return f"?{urlencode(shown)}"

    def release(self, name: str) -> str:
        """Return a release's page."""
        return self(f"releases/{named(name)}")

    def environment(self, name: str) -> str:
        """Return an environment's page."""
        return self(f"environments/{named(name)}")

    def problem(self, name: str) -> str:
        """Return a problem's page."""
        return self(f"problems/{named(name)}")

    def adjustment(self, name: str) -> str:
        """Return an adjustment's page."""
        return self(f"adjustments/{named(name)}")

    def event(self, position: int) -> str:
        """Return an event's page."""
        return self(f"events/{position}")


def grouped(number: int | None) -> str:
    """Return a number with its thousands set apart."""
    return "–" if number is None else f"{number:,}"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Return `1 commit`, `2 commits`, `no commits`."""
    return f"{number or 'no'} {thing if number == 1 else things or thing + 's'}"


def _twin(address: str) -> str:
    """Return where the page's JSON is: the same address and parameters, with .json at the path's end."""
    path, _, query = address.partition("?")
    shown = urlencode(parse_qsl(query, keep_blank_values=True))
    return f"{path}.json" + (f"?{shown}" if shown else "")
