insert into ledger.evidence (project, digest, media_type, bytes) values ($1, $2, $3, $4)
on conflict on constraint evidence_digest do nothing
