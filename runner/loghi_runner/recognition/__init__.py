"""Lines read by a model: pages into their own XML, line images into Loghi's results file."""
