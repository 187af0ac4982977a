"""WHO: may we write to this person (consent), who is meant (segment), what a file of people says (intake)."""
