"""HOW IT WENT: the envelope, the table of moves, and the whole policy for SMTP trouble.

Law: pure. Replies, instants and seeds come in as arguments; nothing here opens a socket or reads a clock.
"""
