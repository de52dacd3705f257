"""Money in the admin pages.

`prices` rate cards and the provider account · `price_accuracy` estimates against charges ·
`allowances` who may spend how much · `ledger` balances and entries
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
