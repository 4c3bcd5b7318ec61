# syntax=docker/dockerfile:1
# docker build --file docker/api.Dockerfile --build-arg APP_VERSION=v1.2.3 --tag taskmanager-api:v1.2.3 .
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /venv
COPY docker/requirements.lock docker/mysql.lock /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /venv/bin/pip install --require-hashes --no-deps -r /build/requirements.lock -r /build/mysql.lock
COPY src/taskmanager /app/taskmanager
# compiled here: nothing is written when it runs, so the root file system may be read-only
RUN /venv/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
# the task definition's health command is curl
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 taskmanager \
    && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin taskmanager
COPY --from=build /venv /venv
COPY --from=build /app /app
ARG APP_VERSION
# in its container, all addresses are its own
ENV APP_VERSION=${APP_VERSION} \
    HOST=0.0.0.0 \
    PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --retries=3 --start-period=40s \
    CMD ["curl", "-f", "http://localhost:8000/health"]
CMD ["python", "-m", "taskmanager.main"]
