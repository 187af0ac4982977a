"""The doors on the web: the pages behind the links that mail carries, and the report.

Law: GET and HEAD change nothing. No cookie, no script, nothing loaded from elsewhere; a page never shows whose it is.
"""
