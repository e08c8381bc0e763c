"""The sender of webhooks as the settings want it."""

from __future__ import annotations

import ssl

from interlock.desk import Desk
from interlock.endpoints import Endpoints, Messages, Rules
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.serve.database import Database
from interlock.serve.refusals import CannotStart
from interlock.serve.settings import Settings
from interlock.webhooks import Webhooks
from interlock.webhooks.office import office
from interlock.webhooks.posting import Post


def webhooks_of(settings: Settings, database: Database, ledger: Ledger, desk: Desk, feed: LedgerFeed) -> Webhooks:
    """Return the sender of the deployment. Raises CannotStart."""
    authority = settings.notify.authority
    path = None if authority is None else settings.home / authority
    try:
        tls = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as wrong:
        raise CannotStart(f"authority {path} of [notify]", str(wrong), "name a file of PEM certificates") from wrong
    return Webhooks(
        Endpoints(ledger),
        Messages(ledger),
        feed,
        desk,
        Post(Rules(loopback=settings.notify.loopback), seams.addresses, tls, seams.now),
        office=lambda waiting: office(database.app, seams.sleep, waiting),
        sleep=seams.sleep,
        chance=seams.chance,
    )
