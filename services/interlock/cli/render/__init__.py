"""Answers as lines of text: pure functions of what the server said, the time and the width."""
