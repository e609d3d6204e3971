# Fluvio's command line, which the image of its servers does not hold.
FROM debian:trixie-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl unzip && rm -rf /var/lib/apt/lists/*
RUN curl -fsS https://hub.infinyon.cloud/install/install.sh | FLUVIO_VERSION=0.18.1 bash
ENV PATH="/root/.fluvio/bin:/root/.fvm/bin:${PATH}"
