"""The rules of the release flow: pure functions of what happened, what is asked, and the time."""
