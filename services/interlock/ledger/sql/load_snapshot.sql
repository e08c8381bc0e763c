select folded.position, folded.body from snapshot.folded as folded
 where folded.project = $1 and folded.kind = $2 and folded.version = $3
