// What the images are, as one table: the image builder follows it and a test holds the Dockerfile to it.
// It must not know how an image is built.

/** The folder of the bundles in every image. */
export const APP = '/app';
/** Where the server image keeps libtensorflow (deps/lib) and the addon that finds it by its relative run path. */
export const TENSORFLOW = '/opt/tensorflow';
export const ADDON = `${TENSORFLOW}/lib/napi-v8/tfjs_binding.node`;
/** Where the server images keep ONNX Runtime's library and addon. */
export const ONNXRUNTIME = '/opt/onnxruntime';
/** The user every image runs as, and its group. */
export const USER = '65532:65532';

/** One image: which bundles it carries and how it starts. */
export interface ImageSpec {
  /** Name below the registry, and target in the Dockerfile. */
  readonly name: ImageName;
  readonly title: string;
  /** Bundle name without extension -> its source, relative to the repository root. Workers are found by the bundler. */
  readonly bundles: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly tensorflow: boolean;
  readonly onnx: boolean;
  /** Carries the sample models below /models, so that the quick start needs no bucket. */
  readonly sampleModels: boolean;
}

/** The images of Slipway. */
export type ImageName = 'operator' | 'router' | 'server' | 'server-onnx';

/** Both server images carry the same program: what is not there is not loaded, and registries and nodes keep its layer once. */
const SERVER = {
  bundles: { server: 'server/src/main.ts', preload: 'server/src/preload.ts' },
  entrypoint: ['node', '--import', `${APP}/preload.mjs`, `${APP}/server.mjs`],
} as const;

export const IMAGES: readonly ImageSpec[] = [
  {
    name: 'operator',
    title: 'Slipway operator',
    bundles: { operator: 'operator/src/main.ts' },
    entrypoint: ['node', `${APP}/operator.mjs`],
    tensorflow: false,
    onnx: false,
    sampleModels: false,
  },
  {
    name: 'router',
    title: 'Slipway router and slipway-fetch',
    bundles: { router: 'router/src/main.ts', fetch: 'router/src/fetch/main.ts' },
    // What 128 requests under way keep alive must fit the young generation several times over, or every collection copies it: 1 MB was too small.
    entrypoint: ['node', '--max-semi-space-size=4', `${APP}/router.mjs`],
    tensorflow: false,
    onnx: false,
    sampleModels: true,
  },
  {
    name: 'server',
    title: 'Slipway model server',
    ...SERVER,
    tensorflow: true,
    onnx: true,
    sampleModels: false,
  },
  {
    name: 'server-onnx',
    title: 'Slipway model server for ONNX models',
    ...SERVER,
    tensorflow: false,
    onnx: true,
    sampleModels: false,
  },
];

/** Environment of every image. */
export const ENVIRONMENT: readonly string[] = ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production'];
