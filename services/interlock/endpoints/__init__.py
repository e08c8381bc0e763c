"""Endpoints outside that are told what happens, and the messages on their way to them: rows beside the ledger."""

from interlock.endpoints.addresses import NotAllowed, Rules, Target, allowed_address, target_of
from interlock.endpoints.bodies import body_of
from interlock.endpoints.endpoints import ENDPOINTS_MAX, Endpoint, Endpoints, Message, NameTaken, NoSuchEndpoint
from interlock.endpoints.messages import KINDS, MESSAGES_MAX, Kind, Messages, NoSuchMessage, Waiting

__all__ = [
    "ENDPOINTS_MAX",
    "KINDS",
    "MESSAGES_MAX",
    "Endpoint",
    "Endpoints",
    "Kind",
    "Message",
    "Messages",
    "NameTaken",
    "NoSuchEndpoint",
    "NoSuchMessage",
    "NotAllowed",
    "Rules",
    "Target",
    "Waiting",
    "allowed_address",
    "body_of",
    "target_of",
]
