# The images of Slipway for people who build with Docker: docker build --target operator|router|server|server-onnx .
# Thin on purpose: the same scripts make the same files as `npm run images`, which builds them without Docker (tools/images/spec.ts
# describes both, a test compares them).

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY api/package.json api/
COPY cli/package.json cli/
COPY cli/package.json cli/
COPY kube/package.json kube/
COPY operator/package.json operator/
COPY router/package.json router/
COPY server/package.json server/
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

FROM dependencies AS tensorflow
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates g++ python3 python3-pip \
 && rm -rf /var/lib/apt/lists/*
COPY tools tools
RUN node tools/run.mjs tools/images/stage.ts tensorflow

FROM dependencies AS bundles
COPY . .
RUN node tools/run.mjs tools/images/stage.ts operator router server onnxruntime

FROM node:24.21.0-bookworm-slim AS base
ENV NODE_ENV=production
WORKDIR /app
USER 65532:65532

FROM base AS operator
COPY --from=bundles /src/dist/operator/app /app
ENTRYPOINT ["node", "/app/operator.mjs"]

FROM base AS router
COPY --from=bundles /src/dist/router/models /models
COPY --from=bundles /src/dist/router/app /app
ENTRYPOINT ["node", "--max-semi-space-size=4", "/app/router.mjs"]

FROM base AS server
COPY --from=bundles /src/dist/onnxruntime/opt/onnxruntime /opt/onnxruntime
COPY --from=tensorflow /src/dist/tensorflow/opt/tensorflow /opt/tensorflow
COPY --from=bundles /src/dist/server/app /app
ENTRYPOINT ["node", "--import", "/app/preload.mjs", "/app/server.mjs"]

FROM base AS server-onnx
COPY --from=bundles /src/dist/onnxruntime/opt/onnxruntime /opt/onnxruntime
COPY --from=bundles /src/dist/server/app /app
ENTRYPOINT ["node", "--import", "/app/preload.mjs", "/app/server.mjs"]
