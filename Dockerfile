FROM python:3.11-slim

# Nothing of the studio runs as root, and nothing of it is written to but /data.
RUN useradd --uid 10001 --create-home studio && install -d -m 0700 -o studio -g studio /data
WORKDIR /srv/studio
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STUDIO_DATA=/data

COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
# The secret is for this one command; a studio that runs has its own.
RUN SECRET_KEY=for-collecting-only python manage.py collectstatic --noinput -v 0 \
    && chmod -R a+rX staticfiles

USER studio
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "worker"]
