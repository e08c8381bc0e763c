-- Two desks may store at once: the later position stays.
insert into snapshot.folded as folded (project, kind, version, position, body) values ($1, $2, $3, $4, $5)
on conflict on constraint folded_kind
do update set position = excluded.position, body = excluded.body where folded.position < excluded.position
