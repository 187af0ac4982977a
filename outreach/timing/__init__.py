"""WHEN: schedules as wall time in a zone, and the hours in which people are left in peace.

Law: a rule is kept as local wall time; an instant is computed from it, never the other way round.
"""
