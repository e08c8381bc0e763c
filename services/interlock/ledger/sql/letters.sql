select letter.* from intake.dead_letter as letter
 where letter.project = $1
 order by letter.topic, letter.partition, letter."offset"
