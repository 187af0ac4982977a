"""WHAT: campaign and tip files, the frozen edition, rendering for one person, the message's bytes.

Law: pure. Text, values, tokens, dates and images come in as arguments; nothing here reads a file or a clock.
"""
