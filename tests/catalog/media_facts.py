"""Files as facts, for the tests of the catalogue."""

from evolink_studio.catalog import MediaFile


def make_image_file(ref="picture", width=1280, height=720, format="png", size=1000):
    return MediaFile(ref=ref, kind="image", format=format, bytes=size, width=width, height=height)


def make_video_file(ref="film", seconds=5.0):
    return MediaFile(
        ref=ref, kind="video", format="mp4", bytes=1000, width=1280, height=720, seconds=seconds
    )


def make_audio_file(ref="sound", seconds=5.0):
    return MediaFile(ref=ref, kind="audio", format="mp3", bytes=1000, seconds=seconds)
