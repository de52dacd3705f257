"""The sandbox: a provider on this machine that keeps EvoLink's documented contract.

It is a second implementation, written from EvoLink's documentation (stated 2026-11-20), and shares
no code with the studio's own rules: whatever both agree on was understood twice.

app.py            the routes              generations.py  the one paid POST
serve.py          starting and stopping   reading.py      tasks, credits, models
models.py         what each model allows  uploads.py      the files API
parameters.py     the kinds of values     media.py        films and pictures by link
rules.py          what depends on what    answers.py      a task as EvoLink words it
requests.py       a body, checked         errors.py       refusals as EvoLink words them
rates.py          what it costs           stories.py      what a word in the prompt sets off
store.py          the SQLite file         works.py        carries tasks to their end
tasks.py, pictures.py, ledger.py  rows    callbacks.py    tells the callback address
storyboards.py    the film to be made     film/           makes it
"""
