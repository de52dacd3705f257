"""What is told when a guest answered."""

from django.dispatch import Signal

# Sent inside the transaction that stores an answer, with `share` and `comment`. Whoever listens
# must not wait for anything outside of the database.
share_answered = Signal()
