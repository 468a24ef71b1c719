"""Registers of copies: numbers without gaps, volumes, closing, printing, cancelling, refusing."""

from storage.register.refusals import CHECKLIST, NOTICE
from storage.register.register import Register
from storage.register.rules import due, fee, is_working_day

__all__ = ["CHECKLIST", "NOTICE", "Register", "due", "fee", "is_working_day"]
