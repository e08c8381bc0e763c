"""The house rules, each a function from files to findings: a finding says where, what, and what to do instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.tree import Source

FUNCTION_LINES_ASKED = 50
FUNCTION_LINES_MAX = 80
FILE_LINES_ASKED = 300
FILE_LINES_MAX = 600
# What is longer than asked says why: one comment, right below the docstring of the module, or below the head of the
# function and its docstring, before its first statement.
WHY_LONG = re.compile(r"^\s*# Long:(?P<reason>.*)$")
REASON_WORDS_MIN = 4
Head = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef

BANNED_NAMES = {"utils", "util", "common", "helpers", "manager", "base", "core"}

# The only places that may touch the real ones: everybody else is handed them (interlock.events.seams).
SEAMS = {f"services/interlock/{part}/seams.py" for part in ("serve", "cli", "eventsourcing")}
OUTSIDE_MODULES = {"random", "secrets", "numpy.random"}
OUTSIDE_NAMES = {
    "asyncio.sleep",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.getrandom",
    "os.urandom",
    "time.clock_gettime",
    "time.gmtime",
    "time.localtime",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.sleep",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid6",
    "uuid.uuid7",
    "anyio.sleep",
}
LOOPS = {"asyncio.get_event_loop", "asyncio.get_running_loop", "asyncio.new_event_loop"}

# Written in pieces, so that this file does not find itself.
LEFT_OVER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
REGISTRY = re.compile(
    "|".join(
        [
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            "art" + "ifactory",
            "dev" + "pi",
            "--(extra-)?" + "index-url[ =]",
            "--find" + "-links[ =]",
            "index" + "-url *=",
        ]
    )
)
MACHINES = ("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers")
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}-])/(" + "|".join(MACHINES) + r")/\w")


def without_docstring(source: Source) -> Iterator[str]:
    """Every module says in its first sentence what it is, or which question it answers."""
    if not ast.get_docstring(source.tree):
        yield f"{source.path}:1: the module has no docstring: say in one sentence what it is for"


def badly_named(source: Source) -> Iterator[str]:
    """A module is named for what it is, not for being of use."""
    for part in source.module.split("."):
        if part in BANNED_NAMES:
            yield f"{source.path}:1: `{part}` says nothing about what is inside: name it for what it is"


def clocks_and_dice(source: Source) -> Iterator[str]:
    """Time, sleep and randomness come in as arguments, so that the whole system can run in simulated time."""
    if source.path in SEAMS:
        return
    names = _imported(source.tree)
    for node in ast.walk(source.tree):
        for name in _outside(node, names):
            yield (
                f"{source.path}:{node.lineno}: `{name}` reads a clock, sleeps or draws a random number."  # type: ignore[attr-defined]
                " Take it as an argument (interlock.events.seams says its shape); interlock.serve builds the real one,"
                " and only the seams.py of serve, cli and eventsourcing touch it"
            )


def _imported(tree: ast.Module) -> dict[str, str]:
    """Local name -> the full name it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _outside(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in OUTSIDE_MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module:
        if node.module in OUTSIDE_MODULES:
            yield node.module
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if full in OUTSIDE_NAMES or full in OUTSIDE_MODULES:
                yield full
            elif alias.name == "*" and any(name.startswith(f"{node.module}.") for name in OUTSIDE_NAMES):
                yield f"{node.module}.*"
    elif isinstance(node, ast.Attribute):
        full = _full_name(node, names)
        if full in OUTSIDE_NAMES or (full.rpartition(".")[0] in LOOPS and node.attr == "time"):
            yield full


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    """The dotted name of an expression, calls left out, imports followed; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attr):
            return f"{_full_name(value, names)}.{attr}"
        case ast.Call(func=func):
            return _full_name(func, names)
        case _:
            return ""


def long_functions(source: Source) -> Iterator[str]:
    """A function is a thought; a long one is several, or says why it is not."""
    everything = source.text.splitlines()
    for node in _functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        where = f"{source.path}:{node.lineno}: `{node.name}`"
        if lines > FUNCTION_LINES_MAX:
            yield f"{where} has {lines} lines (more than {FUNCTION_LINES_MAX}): which thoughts are in it?"
        else:
            yield from _unless_said(where, lines, FUNCTION_LINES_ASKED, _reasons(everything, node))


def long_file(source: Source) -> Iterator[str]:
    """A module is read at one sitting, or says why it is longer."""
    lines = source.text.count("\n")
    where = f"{source.path}:1:"
    if lines > FILE_LINES_MAX:
        yield f"{where} {lines} lines (more than {FILE_LINES_MAX}): which modules are in it?"
    else:
        said = _reasons(source.text.splitlines(), source.tree)
        yield from _unless_said(where, lines, FILE_LINES_ASKED, said)


def misplaced_reason(source: Source) -> Iterator[str]:
    """A reason for being long stands where it belongs, or nobody finds it, and no rule reads it."""
    everything = source.text.splitlines()
    found = {number for number, line in enumerate(everything, start=1) if WHY_LONG.match(line)}
    if found:
        for head in (source.tree, *_functions(source)):
            found -= {number for number, _ in _reasons(everything, head)}
        for number in sorted(found):
            yield f"{source.path}:{number}: `# Long:` stands below the module's docstring, or on top of its function"


def _unless_said(where: str, lines: int, asked: int, reasons: list[tuple[int, str]]) -> Iterator[str]:
    """Find what is long and does not say why, and what says why and is not; the reason itself is not counted."""
    said = [reason for _, reason in reasons]
    if lines - len(said) > asked and not said:
        yield f"{where} has {lines} lines (more than {asked}): split it, or say why not below its head: `# Long: …`"
    elif lines - len(said) <= asked and said:
        yield f"{where} is not long ({lines} lines, {asked} are free): remove `# Long:`"
    elif len(said) > 1 or any(len(reason.split()) < REASON_WORDS_MIN for reason in said):
        yield f"{where}: `# Long:` gives one reason, in at least {REASON_WORDS_MIN} words"


def _functions(source: Source) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _reasons(everything: list[str], head: Head) -> list[tuple[int, str]]:
    """Each `# Long:` between a head (with its docstring) and its first statement: its line and its reason."""
    documented = ast.get_docstring(head, clean=False) is not None
    begins = (head.body[0].end_lineno or 0) if documented else getattr(head, "lineno", 0)
    statements = head.body[1:] if documented else head.body
    lines = everything[begins : statements[0].lineno - 1 if statements else len(everything)]
    return [
        (number, found["reason"].strip())
        for number, line in enumerate(lines, start=begins + 1)
        if (found := WHY_LONG.match(line))
    ]


def left_over(path: str, text: str) -> Iterator[str]:
    """What is to be done is an issue, not a remark."""
    for number, line in _lines_with(LEFT_OVER, text):
        yield f"{path}:{number}: finish it, or open an issue: {line.strip()[:80]}"


def registry_address(path: str, text: str) -> Iterator[str]:
    """Whoever installs Interlock brings their own package registry."""
    for number, line in _lines_with(REGISTRY, text):
        yield f"{path}:{number}: names a package registry; the locks carry hashes, and no address: {line.strip()[:80]}"


def machine_path(path: str, text: str) -> Iterator[str]:
    """A path of one machine means nothing on the next."""
    for number, line in _lines_with(MACHINE_PATH, text):
        yield f"{path}:{number}: holds a path of somebody's machine; make it relative: {line.strip()[:80]}"


def _lines_with(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.search(line):
            yield number, line
