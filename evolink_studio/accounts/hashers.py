"""The password hasher."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class StudioArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB and two passes (OWASP Password Storage Cheat Sheet, 2025).

    Django's default takes 100 MiB a login: fifty at once would be 5 GB.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
