# Stage one makes a virtual environment from wheels that are pinned by hash, and nothing else. Stage two copies it: it has no
# build tools, no installer of its own, and nothing that is not in the wheel. `make lock` renews the pins.
# To pin the base image as well: --build-arg PYTHON=python:3.13-slim@sha256:...
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY consent/operate/build.lock consent/operate/requirements.lock locks/
RUN pip install --require-hashes --only-binary :all: --requirement locks/build.lock \
    && python -m venv --without-pip /opt/pixelgate \
    && pip --python /opt/pixelgate install --require-hashes --only-binary :all: --requirement locks/requirements.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY consent consent
COPY snippets snippets
COPY locales locales
RUN python -m build --wheel --no-isolation --outdir /wheels \
    && pip --python /opt/pixelgate install --no-deps --no-index /wheels/*.whl \
    && cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file /sbom.json /opt/pixelgate

FROM ${PYTHON}
RUN useradd --system --create-home --home-dir /var/lib/pixelgate --uid 10001 pixelgate
COPY --from=build /opt/pixelgate /opt/pixelgate
COPY --from=build /sbom.json /usr/share/pixelgate/sbom.json
USER 10001
WORKDIR /var/lib/pixelgate
VOLUME /var/lib/pixelgate
ENV PATH=/opt/pixelgate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 CONSENT_DATABASE_URL=sqlite:////var/lib/pixelgate/pixelgate.db
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["sh", "-c", "consent migrate && exec consent serve --host 0.0.0.0 --port 8000"]
