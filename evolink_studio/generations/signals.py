"""What the work tells whoever listens; with nobody listening it tells nobody."""

from django.dispatch import Signal

# A generation waits to be sent. Told inside the transaction that stores it, with its `generation`.
queued = Signal()
