"""Figures of the studio, mostly as ratios in one run: `python -m bench`, or `make bench`.

`BENCH_SIZE=full` takes larger numbers, and a million generations. Names after the command measure
only those, for example `python -m bench idle start`. Each module of `measures` says what it
measures and how. All runs on this machine, in a temporary folder, against a scripted provider;
nothing is left behind but full databases, which are made once.

figures.py            a figure and its target, and how they are printed
sizes.py              how much of everything is measured
instances.py          a temporary folder: prepared database, static files, one studio per measure
processes.py          processes that end with us, and the processor time they took
http_client.py        a lean HTTP client, so that the server is measured and not the client
polling_page.py       a page that polls, as the browser does
signed_in_users.py    people who are signed in
generation_rows.py    generations in a wanted state
sample_film.py        a short film
fake_provider.py      the scripted provider (a process)
worker.py             the worker with a wanted interval between two reads (a process)
peers/                the same page with Gradio and Streamlit, in an environment of their own
settings.py, urls.py, views.py   the studio's settings with one bare view more
"""
