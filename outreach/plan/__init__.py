"""WHAT NEXT: what a reply changes in the plan, and what the plan then allows.

Law: every change and every refusal carries its rule's name and the evidence behind it.
"""
