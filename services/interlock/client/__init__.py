"""The API's client: what `dt`, runners and services that publish speak to Interlock with.

client = Client("http://interlock.internal", "demo", token, clock=time.monotonic, sleep=time.sleep, new_id=uuid4)
client.command("RequestDeploy", {"release": "4.12.0", "environment": "production"})
"""

from interlock.client.client import Client
from interlock.client.errors import OddAnswer, ProblemAnswer, ServerAway

__all__ = ["Client", "OddAnswer", "ProblemAnswer", "ServerAway"]
