"""The tables of money.

`prices` what AI models cost, and the account at EvoLink · `allowances` who may spend how much ·
`book` what was reserved and charged
"""

from evolink_studio.credits.models.allowances import Allowance
from evolink_studio.credits.models.book import EntriesAreFinal, Entry, Hold, Purse
from evolink_studio.credits.models.prices import FarAccount, RateCard

__all__ = [
    "Allowance",
    "EntriesAreFinal",
    "Entry",
    "FarAccount",
    "Hold",
    "Purse",
    "RateCard",
]
