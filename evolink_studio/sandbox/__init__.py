"""A provider on this machine that implements EvoLink's documented API.

A second implementation, written from EvoLink's documentation (stated 2026-11-20). It shares no code
with the studio's rules, so that a misunderstanding of one shows up against the other.

app.py, server.py      routes; start and stop      endpoints/        the HTTP endpoints
model_specs.py         what each model allows      serializers.py    tasks as JSON
parameters.py          kinds of values             errors.py         documented error responses
validation_rules.py    rules across parameters     scenarios.py      tags in the prompt
request_parsing.py     body to parsed request      task_runner.py    runs tasks to their end
pricing.py, ledger.py  credits                     callbacks.py      sends callbacks
database.py            the SQLite file             *_repository.py   rows of tasks and images
http.py, settings.py   key check, limits           video/            renders the videos
"""
