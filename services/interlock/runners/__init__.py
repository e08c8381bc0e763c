"""What `dt` really does to the world: each runner does one kind of work, under a lease, and reports what came of it.

`connections` reads where an environment is; `schema` is the digest of a database's schema that everything compares;
`adjust` adjusts data in one transaction; `writes` finds what was written around Interlock.
"""
