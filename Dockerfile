# One image for every process of Deskstream; the command says which one it is.

FROM python:3.11-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/deskstream
ENV PATH=/opt/deskstream/bin:$PATH

# The dependencies first: they change less often than the code, and their layer is kept.
COPY requirements/runtime.txt /tmp/runtime.txt
RUN pip install --require-hashes --only-binary :all: -r /tmp/runtime.txt

COPY . /source
RUN pip install --no-deps --no-build-isolation /source && pip check


FROM python:3.11-slim

ENV PATH=/opt/deskstream/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --create-home deskstream \
    && install -d -o deskstream -g deskstream /var/lib/deskstream
COPY --from=build /opt/deskstream /opt/deskstream
USER deskstream
WORKDIR /home/deskstream

STOPSIGNAL SIGTERM
EXPOSE 8000
CMD ["deskstream", "api"]
