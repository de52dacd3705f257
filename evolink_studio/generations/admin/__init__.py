"""Admin pages of generations: lists, usage and resolutions. Rows cannot be edited.

`generations` list and detail page · `columns` their columns · `filters`, `changelist` parts of
the list · `resolution_forms` decisions of the owner · `actions` refresh and cancel · `callbacks`
the log of callbacks · `usage_page`, `usage_charts` usage of a period · `users` the user list with
usage · `dashboard` the index page
"""

from evolink_studio.generations.admin.callbacks import CallbackDeliveryAdmin
from evolink_studio.generations.admin.generations import GenerationAdmin
from evolink_studio.generations.admin.users import UserUsageAdmin

__all__ = ["CallbackDeliveryAdmin", "GenerationAdmin", "UserUsageAdmin"]
