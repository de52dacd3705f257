"""Images, video and audio: probe, decode, normalize; containers by signature."""
