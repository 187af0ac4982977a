"""CARRIED: SMTP out, a catcher for SMTP in, and the mailboxes where replies arrive.

Law: what a server does is handed back as a value or as an error with a remedy; what follows from it is decided in
`delivery.outcome` and by the caller.
"""
