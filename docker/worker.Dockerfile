# syntax=docker/dockerfile:1
# docker build --file docker/worker.Dockerfile --build-arg APP_VERSION=v1.2.3 --tag taskmanager-worker:v1.2.3 .
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /venv
COPY docker/requirements.lock docker/mysql.lock docker/cloudwatch.lock /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /venv/bin/pip install --require-hashes --no-deps \
        -r /build/requirements.lock -r /build/mysql.lock -r /build/cloudwatch.lock
COPY src/taskmanager /app/taskmanager
# compiled here: nothing but the sign of life in /tmp is written when it runs
RUN /venv/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
RUN groupadd --gid 1001 taskmanager \
    && useradd --uid 1001 --gid 1001 --no-create-home --shell /usr/sbin/nologin taskmanager
COPY --from=build /venv /venv
COPY --from=build /app /app
ARG APP_VERSION
ENV APP_VERSION=${APP_VERSION} \
    PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 1001:1001
STOPSIGNAL SIGTERM
# the shell form: HOSTNAME is known only when the container runs
HEALTHCHECK --interval=60s --timeout=10s --retries=3 --start-period=30s \
    CMD celery -A taskmanager.celery inspect ping -d celery@$HOSTNAME || exit 1
CMD ["python", "-m", "taskmanager.worker"]
