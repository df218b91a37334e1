"""The seams: what each kind of part promises to the others.

`tests/contracts/` checks every implementation against these promises.
"""
