"""WHO ANSWERS: the rules of a case, from its first message until the customer confirms that it is solved.

Law: pure; `now`, working hours and rows come in as arguments. Nobody's clock is turned back by writing again.
"""
