"""Money in the admin pages.

`prices` rate cards, tried on recent generations, and the account at EvoLink · `measure_accuracy`
where prices are off · `allowances` who may spend how much, raised in one go · `generation_ids`
balances and entries
"""

from evolink_studio.credits.admin.allowances import AllowanceAdmin
from evolink_studio.credits.admin.ledger import AllowanceBalanceAdmin, LedgerEntryAdmin
from evolink_studio.credits.admin.prices import ProviderAccountAdmin, RateCardAdmin

__all__ = [
    "AllowanceAdmin",
    "AllowanceBalanceAdmin",
    "LedgerEntryAdmin",
    "ProviderAccountAdmin",
    "RateCardAdmin",
]
