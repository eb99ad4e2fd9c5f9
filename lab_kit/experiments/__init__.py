"""What the labs measure: each room asks one kind of question of a server or a machine."""
