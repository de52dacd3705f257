"""Renders the sandbox's videos: a storyboard goes in, an H.264/AAC file comes out.

plan.py                 size, length and captions of a request
storyboard.py           what is to be shown, as plain data (JSON between processes)
scenes.py               generated background; slideshow of given images
captions.py             text overlay and progress bar
audio.py                generated chord
render.py               the renderer; `python -m evolink_studio.sandbox.video.render` makes one
subprocess_renderer.py  runs the renderer in a process of its own
"""
