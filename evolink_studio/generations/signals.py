"""What the domain tells its worker, whichever database it runs on."""

from django.dispatch import Signal

# Sent inside the transaction that makes work due, outside of the worker: a press, a callback, a
# decision. With the argument `state`: that of the generation; None when an admin named a task.
work_due = Signal()
# Sent inside the transaction that ends a generation as completed or failed, with the arguments
# `generation_id`, `owner_id`, `state` and `now`. A receiver only writes rows.
generation_ended = Signal()
