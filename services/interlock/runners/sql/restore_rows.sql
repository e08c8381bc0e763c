-- Of each row of {table}, a name that the server quoted, the digest; in their order, wherever the rows lie.
select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to((r.*)::text, 'UTF8')), 'hex') as digest
from {table} r
order by digest
