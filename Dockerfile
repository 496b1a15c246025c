# One static binary and an empty data directory. Both are made outside, by
# "scripts/cluster build": nothing is pulled, and what was tested is what ships.
FROM scratch

ARG VERSION=dev
LABEL org.opencontainers.image.title="treenode" \
      org.opencontainers.image.description="Consensus-replicated store of resource provider trees" \
      org.opencontainers.image.source="https://github.com/treenode/treenode" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

# Root owns the binary, so that the node can't replace it.
COPY dist/image/treenode /treenode

# A new named volume takes its owner from the directory that it covers.
COPY --chown=65532:65532 dist/image/data /data
COPY --chown=65532:65532 dist/image/data /certs

USER 65532:65532
ENV TREENODE_DATA_DIR=/data
VOLUME /data

# API and peer port. The API listens on the container's loopback until it is
# told otherwise: TLS and authentication need to be set up first.
EXPOSE 8778 8779

# There is no shell and no curl in here: the binary asks itself.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["/treenode", "health", "--endpoint", "http://127.0.0.1:8778"]

ENTRYPOINT ["/treenode"]
CMD ["serve"]
