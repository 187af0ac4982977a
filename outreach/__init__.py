"""outreach: proactive customer service by newsletter, with the loop closed."""

__version__ = "0.1.0"
