"""Pages for people: each is made of the API's own answers, as whoever is signed in, and of nothing else."""

from interlock.web.app import ROUTE, Web
from interlock.web.asking import Asker, NotAnswered, Sessions

__all__ = ["ROUTE", "Asker", "NotAnswered", "Sessions", "Web"]
