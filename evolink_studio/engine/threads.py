"""Threads of the worker for what takes long, such as looking into a film."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """Gives the database connection of a thread back when its work is done.

    Django does that at the end of a request. Here nobody would: a connection that broke while a
    thread had nothing to do would make every later use of the thread fail.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        def run() -> T:
            try:
                return fn(*args, **kwargs)
            finally:
                connections.close_all()

        return super().submit(run)
