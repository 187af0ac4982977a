"""KEPT: the database and one module of queries per noun.

Law: a query takes a Session as its first argument and never commits; the caller's `read()` or `write()` does.
"""
