"""The work in the admin pages: to look at, to count, never to rewrite.

`generations` the list and the page of one · `facts`, `sights` what they say and show · `filters`,
`listing` parts of the list · `settling` what it cost in truth · `looking` asks EvoLink at once ·
`callbacks` the log of what came · `usage` figures of a period, with `build_chart`, `table` and
`export` · `people` adds their work and their credits to the list of people
"""

from evolink_studio.generations.admin.callbacks import CallbackDeliveryAdmin
from evolink_studio.generations.admin.generations import GenerationAdmin
from evolink_studio.generations.admin.users import UserUsageAdmin

__all__ = ["CallbackDeliveryAdmin", "GenerationAdmin", "UserUsageAdmin"]
