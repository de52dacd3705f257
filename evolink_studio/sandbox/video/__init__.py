"""Makes the sandbox's films: a storyboard goes in, an H.264/AAC file comes out.

storyboard.py   what is to be shown, as plain data (JSON between processes)
aurora.py       the moving background of a film without pictures
passage.py      the movement through given pictures
caption.py      the words on the picture and the bar of time
sound.py        the soft tone
render.py       puts them together; `python -m evolink_studio.sandbox.video.render` is one film
"""
