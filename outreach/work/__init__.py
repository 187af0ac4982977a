"""MOVED: the work that introduces the rule rooms to the store and the wire.

Law: reads the clock once per decision and hands it on; holds no rule of its own.
"""
