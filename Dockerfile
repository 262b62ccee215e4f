# Stage one builds the wheel, stage two installs it: what is not in the wheel is not in the image.
FROM python:3.13-slim AS build
WORKDIR /source
RUN pip install --no-cache-dir build
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY consent consent
COPY snippets snippets
COPY locales locales
RUN python -m build --wheel --outdir /wheels

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/pixelgate --uid 10001 pixelgate
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
USER pixelgate
WORKDIR /var/lib/pixelgate
VOLUME /var/lib/pixelgate
ENV CONSENT_DATABASE_URL=sqlite:////var/lib/pixelgate/pixelgate.db
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["sh", "-c", "consent migrate && exec consent serve --host 0.0.0.0 --port 8000"]
