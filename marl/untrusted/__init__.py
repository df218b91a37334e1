"""The one place that reads what strangers may have written, and the bounds of what they wrote.

Each reader gives plain values or refuses with an UnreadableError; none runs anything, takes more
memory than its bounds say, or waits for what is no regular file. For people: docs/security.md.
"""
