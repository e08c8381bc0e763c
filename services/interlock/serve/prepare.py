"""`python -m interlock.serve.prepare`: the database and its roles, in a PostgreSQL server of one's own, once.

It needs an administrator's address, which no server of Interlock's ever needs again. Done twice, it changes nothing
but the passwords, to what they are said to be.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import os
import sys
from pathlib import Path
from typing import Final

import asyncpg

from interlock.ledger import LedgerError
from interlock.ledger.migrate import create_database
from interlock.serve import seams
from interlock.serve.database import NAME, why_not
from interlock.serve.refusals import CannotStart
from interlock.serve.secret import resolve, secret

ANSWER_SECONDS: Final = 10.0
ITERATIONS: Final = 4_096
# A statement with a parameter cannot say it.
_SAY: Final = "select pg_catalog.format('alter role %I password %L', $1::text, $2::text)"


def verifier(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5802): the password itself never reaches the server's log."""
    if not password.isascii() or not password.isprintable() or not password:
        raise CannotStart("password", "it is empty, or has other signs than ASCII's", "take another one")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"


async def prepare(admin: str, name: str, passwords: dict[str, str]) -> None:
    """Create roles and database where they are missing, and give the roles these passwords. Raises CannotStart."""
    try:
        await create_database(admin, name)
        connection = await asyncpg.connect(admin, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
        try:
            for role, password in passwords.items():
                kept = verifier(password, seams.salt())
                await connection.execute(await connection.fetchval(_SAY, role, kept))
        finally:
            await connection.close(timeout=ANSWER_SECONDS)
    except (LedgerError, asyncpg.PostgresError, OSError) as wrong:
        raise why_not(wrong) from wrong


def main(given: list[str]) -> int:
    """Do it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.serve.prepare", description="Make the database.")
    parser.add_argument("--admin", required=True, help='the administrator\'s address: "env:NAME" or "file:PATH"')
    parser.add_argument("--name", default=NAME, help="the database's name")
    parser.add_argument("--owner-password", help='the role interlock_owner\'s: "env:NAME" or "file:PATH"')
    parser.add_argument("--app-password", help='the role interlock_app\'s: "env:NAME" or "file:PATH"')
    asked = parser.parse_args(given)
    roles = {"interlock_owner": asked.owner_password, "interlock_app": asked.app_password}
    try:
        passwords = {
            role: secret("password", reference, home=Path(), environ=os.environ)
            for role, reference in roles.items()
            if reference is not None
        }
        admin = resolve(asked.admin, home=Path(), environ=os.environ)
        asyncio.run(prepare(admin, asked.name, passwords))
    except CannotStart as refusal:
        print(f"✗ the database is not made: {refusal}", file=sys.stderr)
        return refusal.exit_code
    print(f"database {asked.name} and its roles are there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
