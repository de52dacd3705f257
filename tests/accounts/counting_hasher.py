"""A hasher that notes what it was asked to hash: the real one costs memory and time."""

from django.contrib.auth.hashers import MD5PasswordHasher


class CountingHasher(MD5PasswordHasher):
    hashed_passwords: list[str] = []

    def encode(self, password, salt):
        self.hashed_passwords.append(password)
        return super().encode(password, salt)
