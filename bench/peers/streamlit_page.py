"""A form as the studio's, with Streamlit: one job, whose progress changes every 2 s.

A page of Streamlit shows progress by running its script again; `time.time` stands for the job.
"""

import time

import streamlit

STEP_SECONDS = 2.0

with streamlit.form("generate"):
    prompt = streamlit.text_area("Prompt")
    duration = streamlit.slider("Duration", 2, 12, 5)
    quality = streamlit.radio("Quality", ["480p", "720p", "1080p"])
    aspect_ratio = streamlit.selectbox("Aspect ratio", ["16:9", "9:16", "1:1"])
    streamlit.form_submit_button("Generate")
percent = int(time.time() / STEP_SECONDS) % 100
streamlit.progress(percent, text=f"{percent} %")
