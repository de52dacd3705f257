"""Money in the admin pages.

`prices` rate cards, tried on recent generations, and the account at EvoLink · `drift` where prices
are off · `allowances` who may spend how much, raised in one go · `book` purses and entries
"""

from evolink_studio.credits.admin.allowances import AllowanceAdmin
from evolink_studio.credits.admin.ledger import EntryAdmin, PurseAdmin
from evolink_studio.credits.admin.prices import FarAccountAdmin, RateCardAdmin

__all__ = ["AllowanceAdmin", "EntryAdmin", "FarAccountAdmin", "PurseAdmin", "RateCardAdmin"]
