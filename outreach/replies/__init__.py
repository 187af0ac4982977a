"""BACK: what came in, read by pure rules: parse, machine mail, whose it is, what was quoted, what it says.

Law: nothing here raises on any input, and everything is linear in it; reasons travel with every judgement.
"""
