"""Figures of the studio, mostly as ratios in one run: `python -m bench`, or `make bench`.

`BENCH_SIZE=small` takes smaller numbers. Names after the command measure only those, for example
`python -m bench idle start`. Each module of `measures` says what it measures and how. All runs on
this machine, in a temporary folder, against a scripted provider; nothing is left behind.

figures.py    a figure and its target, and how they are printed
sizes.py      how much of everything is measured
grounds.py    the temporary folder: prepared database, static files, one world per measure
running.py    processes that end with us, and the processor time they took
wire.py       a lean HTTP client, so that the server is measured and not the client
watching.py   a page that polls, as the browser does
people.py     people who are signed in
rows.py       generations in a wanted state
farend.py     the scripted provider (a process)
worker.py     the studio's worker with a wanted interval between two reads (a process)
settings.py, urls.py, views.py   the studio's settings with one bare view more
"""
