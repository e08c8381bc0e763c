"""What a script that adjusts data may not contain, why, and what helps instead: by the parser's own names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is refused, and what to do instead."""

    what: str
    instead: str


_ALONE: Final = Reason("it cannot run inside a transaction", "leave maintenance to the database's administrators")
_SESSION: Final = Reason(
    "it changes the session's settings, which the runner has chosen (role, timeouts, isolation, how text is read)",
    "leave it out",
)
_OPAQUE: Final = Reason(
    "what runs inside cannot be read here, and its rows are not counted statement by statement",
    "write the INSERT, UPDATE, DELETE or MERGE itself",
)
_INDIRECT: Final = Reason("it makes or runs another statement indirectly", "write that statement itself")
_MESSAGES: Final = Reason("it speaks to other sessions", "leave it out")

# Anything else that is no data statement changes the schema, or rights.
ELSEWHERE: Final = Reason(
    "it changes the schema, rights or something else than rows", "a release's migration changes the schema"
)

REFUSED: Final = {
    "transaction_stmt": Reason(
        "Interlock opens the one transaction and ends it, after everything was checked", "leave it out"
    ),
    "copy_program": Reason("COPY … PROGRAM runs a program on the server", "use INSERT … VALUES"),
    "copy_file": Reason("COPY reads or writes a file of the server", "use INSERT … VALUES"),
    "copy_stmt": Reason("COPY needs a stream beside the script", "use INSERT … VALUES"),
    "truncate_stmt": Reason("TRUNCATE leaves no old row to keep", "use DELETE"),
    "lock_stmt": Reason("the runner has locked the tables already", "leave it out"),
    "do_stmt": _OPAQUE,
    "call_stmt": _OPAQUE,
    "variable_set_stmt": _SESSION,
    "variable_show_stmt": _SESSION,
    "discard_stmt": _SESSION,
    "load_stmt": _SESSION,
    "alter_system_stmt": _ALONE,
    "vacuum_stmt": _ALONE,
    "cluster_stmt": _ALONE,
    "reindex_stmt": _ALONE,
    "check_point_stmt": _ALONE,
    "createdb_stmt": _ALONE,
    "dropdb_stmt": _ALONE,
    "prepare_stmt": _INDIRECT,
    "execute_stmt": _INDIRECT,
    "deallocate_stmt": _INDIRECT,
    "declare_cursor_stmt": _INDIRECT,
    "fetch_stmt": _INDIRECT,
    "close_portal_stmt": _INDIRECT,
    "explain_stmt": Reason("EXPLAIN explains, and with ANALYZE it also does", "leave it out"),
    "listen_stmt": _MESSAGES,
    "unlisten_stmt": _MESSAGES,
    "notify_stmt": _MESSAGES,
    "refresh_mat_view_stmt": Reason("it changes what no row tells", "leave it out"),
}

FORBIDDEN_FUNCTIONS: Final = {
    "set_config": "changes the session's settings",
    "setval": "moves a sequence, which no rollback takes back",
    "pg_notify": "speaks to other sessions",
    "pg_terminate_backend": "ends other sessions",
    "pg_cancel_backend": "interrupts other sessions",
    "pg_reload_conf": "changes the server",
    "pg_rotate_logfile": "changes the server",
    "pg_promote": "changes the server",
    "pg_switch_wal": "changes the server",
    "pg_create_restore_point": "changes the server",
    "pg_export_snapshot": "shows the open transaction to other sessions",
    "loread": "touches large objects, whose old bytes nobody keeps",
    "lowrite": "touches large objects, whose old bytes nobody keeps",
}

FORBIDDEN_PREFIXES: Final = {
    "dblink": "does something in another session, which no rollback takes back",
    "lo_": "touches large objects, whose old bytes nobody keeps",
    "pg_advisory_": "takes locks that no rollback gives back",
    "pg_try_advisory_": "takes locks that no rollback gives back",
    "pg_logical_emit_message": "writes what no rollback takes back",
    "pg_read_": "reads files of the server",
    "pg_ls_": "reads files of the server",
    "pg_stat_reset": "forgets what the runner counts",
    "pg_replication_": "changes the server",
}
