"""The same form and the same watching, made with Gradio and with Streamlit.

requirements.txt                    what is installed, into an environment of its own
environment.py                      installs it, once for each content of requirements.txt
gradio_page.py, streamlit_page.py   the pages: prompt, length, quality, format, and one job
watch_gradio.py, watch_streamlit.py clients that watch as the frameworks' own pages do
"""
